#!/usr/bin/env bash
# From nothing to a frozen force field of argon: bash tools/quickstart.sh
# Makes .venv, simulates argon with LAMMPS, trains, judges and freezes, in the folder quickstart/. A few minutes on two
# cores. What a run before it has made is kept.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/environment.sh
environment simulate
mkdir -p quickstart
cd quickstart

# step RESULT SOURCE COMMAND...: run the command, which makes RESULT, unless RESULT is there and newer than SOURCE
step() {
    local result=$1 source=$2
    shift 2
    if [ -e "$result" ] && [ ! "$source" -nt "$result" ]; then
        printf '\nkept quickstart/%s: %s made it before\n' "$result" "$*"
    else
        printf '\n$ %s\n' "$*"
        "$@"
    fi
}

# The recipe names its data and the simulation that makes them: train runs both when they are missing.
step argon.keras "" gnnzoo train ../recipes/argon.json --time-limit "${TIME_LIMIT:-3m}"
step argon-evaluation.json argon.keras gnnzoo evaluate argon.keras argon.h5 --json argon-evaluation.json --overwrite
step argon-frozen argon.keras gnnzoo freeze argon.keras -o argon-frozen --overwrite

python - <<'END'
import json

from gnnzoo.units import force_unit

judged = json.load(open("argon-evaluation.json"))
force, baseline, unit = judged["force"], judged["baseline"], force_unit(judged["units"])
print(f"""
What was made, in quickstart/:
  data/argon.lammpstrj   the dump that LAMMPS wrote: 400 Lennard-Jones atoms, liquid at 90 K
  argon.h5               the same as a dataset (H5MD)
  argon.keras            the trained model; runs/ holds its training
  argon-argon-parity.png, argon-evaluation.json   how its forces compare
  argon-frozen/          the model for TensorFlow alone; its card is README.md

How good it is, on frames that training never saw:
  mean |dF| / mean |F|   {force["relative"]:.2%}   (a model that predicts no force: 100 %)
  error per component    {force["mae"]:.4g} {unit}   (no force: {baseline["mae"]:.4g})

What to try next, in quickstart/ with  export PATH="$PWD/../.venv/bin:$PATH"
  gnnzoo list                                     recipes, and this model with its figures
  gnnzoo train water --time-limit 8m              the same for water: simulated first, about 3 minutes
  gnnzoo transfer argon.keras --target water --time-limit 3m
  gnnzoo convert YOUR.lammpstrj --units real --types 1=Ar
  gnnzoo schema --markdown                        all that a recipe can say""")
END
