#!/usr/bin/env bash
# From nothing to a frozen force field of argon: bash tools/quickstart.sh
# Makes .venv, simulates argon with LAMMPS, trains, evaluates and freezes, in the folder quickstart/. A few minutes on
# two cores. Results of an earlier run are kept.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/environment.sh
environment simulate
mkdir -p quickstart
cd quickstart

# step RESULT SOURCE COMMAND...: run the command, which makes RESULT, unless RESULT exists and is newer than SOURCE
step() {
    local result=$1 source=$2
    shift 2
    if [ -e "$result" ] && [ ! "$source" -nt "$result" ]; then
        printf '\nkept quickstart/%s, made earlier by: %s\n' "$result" "$*"
    else
        printf '\n$ %s\n' "$*"
        "$@"
    fi
}

# The recipe names its data and the simulation that produces them: train runs what is missing.
step argon.keras "" gnnzoo train ../recipes/argon.json --time-limit "${TIME_LIMIT:-3m}"
step argon-evaluation.json argon.keras gnnzoo evaluate argon.keras argon.h5 --json argon-evaluation.json --overwrite
step argon-frozen argon.keras gnnzoo freeze argon.keras -o argon-frozen --overwrite

python - <<'END'
import json

from gnnzoo.units import force_unit

evaluation = json.load(open("argon-evaluation.json"))
force, baseline, unit = evaluation["force"], evaluation["baseline"], force_unit(evaluation["units"])
print(f"""
Results in quickstart/:
  data/argon.lammpstrj   the dump that LAMMPS wrote: 400 Lennard-Jones atoms, liquid at 90 K
  argon.h5               its frames as a dataset (H5MD)
  argon.keras            the trained model; its training run is in runs/
  argon-argon-parity.png, argon-evaluation.json   its errors
  argon-frozen/          the model for TensorFlow alone; see its README.md

Errors on frames held out of training:
  mean |dF| / mean |F|   {force["relative"]:.2%}   (zero forces: 100 %)
  error per component    {force["mae"]:.4g} {unit}   (zero forces: {baseline["mae"]:.4g})

Next, in quickstart/ with  export PATH="$PWD/../.venv/bin:$PATH"
  gnnzoo list                                     recipes and models with their errors
  gnnzoo train water --time-limit 8m              the same for water, simulated first: about 3 minutes
  gnnzoo transfer argon.keras --target water --time-limit 3m
  gnnzoo convert YOUR.lammpstrj --units real --types 1=Ar
  gnnzoo schema --markdown                        all options of a recipe""")
END
