#include "pair_gnnzoo.h"

#include "atom.h"
#include "comm.h"
#include "domain.h"
#include "error.h"
#include "force.h"
#include "lammps.h"
#include "memory.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "update.h"
#include "utils.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <thread>
#include <unordered_map>

using namespace LAMMPS_NS;

namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Of the images of an atom of the same molecule the nearest one is bonded; equal distances within rounding are.
constexpr double SAME_DISTANCE = 1 + 1e-9;
constexpr int OTHER_MOLECULE = 0, BONDED = 1, SAME_MOLECULE = 2;    // gnnzoo.fields.EDGE_CLASSES

}    // namespace

PairGnnzoo::PairGnnzoo(LAMMPS *lmp) : Pair(lmp)
{
  restartinfo = 0;
  one_coeff = 1;
  manybody_flag = 1;
  single_enable = 0;
  no_virial_fdotr_compute = 1;
  centroidstressflag = CENTROID_NOTAVAIL;
}

PairGnnzoo::~PairGnnzoo()
{
  if (allocated) {
    memory->destroy(setflag);
    memory->destroy(cutsq);
  }
}

// --- commands of the input script -------------------------------------------------------------------------------------

void PairGnnzoo::settings(int narg, char **arg)
{
  const char *usage = "pair_style gnnzoo FOLDER [precision single|double] [threads N] [layout map|halo]";
  if (narg < 1 || narg % 2 == 0) error->all(FLERR, "expected: {}", usage);
  int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / comm->nprocs);
  mapped = comm->nprocs == 1;
  for (int k = 1; k < narg; k += 2) {
    const std::string key = arg[k], value = arg[k + 1];
    if (key == "precision" && (value == "single" || value == "double")) double_precision = value == "double";
    else if (key == "threads") threads = utils::inumeric(FLERR, value, false, lmp);
    else if (key == "layout" && (value == "map" || value == "halo")) mapped = value == "map";
    else error->all(FLERR, "pair_style gnnzoo has no option '{} {}'; expected: {}", key, value, usage);
  }
  if (threads < 1 || threads > 1024) error->all(FLERR, "threads of pair_style gnnzoo must be 1 to 1024");
  if (mapped && comm->nprocs > 1) error->all(FLERR, "layout map of pair_style gnnzoo is for one process; leave it out");
  try {
    model = std::make_unique<gnnzoo::FrozenModel>(gnnzoo::Conventions::read(arg[0]), double_precision, threads);
  } catch (std::exception &problem) {
    error->all(FLERR, "pair_style gnnzoo: {}", problem.what());
  }
  if (conventions().whole_box && !mapped)
    error->all(FLERR,
               "this model couples all atoms of the box ('graph_norm' over a graph, or wave vectors), so that the box "
               "cannot be divided between {} processes: run LAMMPS on one process with more threads, or train with "
               "\"statistics\": \"running\" in graph_norm",
               comm->nprocs);
  if (comm->me == 0)
    utils::logmesg(lmp, "gnnzoo: {} with TensorFlow {}, {} precision, {} thread{} per process, cutoff {:g}\n", arg[0],
                   gnnzoo::FrozenModel::tensorflow_version(), double_precision ? "double" : "single", threads,
                   threads > 1 ? "s" : "", conventions().cutoff);
}

void PairGnnzoo::coeff(int narg, char **arg)
{
  const int n = atom->ntypes;
  std::string known;
  for (const auto &entry : conventions().names) known += fmt::format(" {} = {}", entry.first, entry.second);
  if (narg < 2 || strcmp(arg[0], "*") != 0 || strcmp(arg[1], "*") != 0 || (narg > 2 && narg != 2 + n))
    error->all(FLERR, "expected: pair_coeff * * [a species for each of the {} types, NULL for none]; the model has{}", n,
               known);
  model_type.assign(n + 1, 0);
  for (int type = 1; type <= n; type++) {
    const std::string wanted = narg > 2 ? arg[1 + type] : "";
    for (const auto &entry : conventions().names)
      if (narg > 2 ? entry.second == wanted : entry.first == type) {
        model_type[type] = entry.first;
        break;
      }
    if (!model_type[type] && wanted != "NULL")
      error->all(FLERR, "{} is not one of the species of the model, which are{}; expected: pair_coeff * * SPECIES ...",
                 narg > 2 ? "'" + wanted + "'" : fmt::format("type {}", type), known);
  }
  if (!allocated) {
    memory->create(setflag, n + 1, n + 1, "pair:setflag");
    memory->create(cutsq, n + 1, n + 1, "pair:cutsq");
    allocated = 1;
  }
  for (int i = 1; i <= n; i++)
    for (int j = 1; j <= n; j++) setflag[i][j] = model_type[i] && model_type[j] ? 1 : 0;
}

void PairGnnzoo::init_style()
{
  check_simulation();
  check_list();
  if (!mapped && conventions().rounds > 1) {
    comm->cutghostuser = std::max(comm->cutghostuser, conventions().rounds * (conventions().cutoff + neighbor->skin));
    neighbor->add_request(this, NeighConst::REQ_FULL | NeighConst::REQ_GHOST);
  } else {
    neighbor->add_request(this, NeighConst::REQ_FULL);
  }
}

double PairGnnzoo::init_one(int, int) { return conventions().cutoff; }

// Units, ids and boundaries are those that the model needs.
void PairGnnzoo::check_simulation() const
{
  const std::string &units = conventions().units;
  if (units == "none") {
    if (comm->me == 0) error->warning(FLERR, "the data of this gnnzoo model did not declare their units");
  } else if (units != update->unit_style) {
    error->all(FLERR, "this gnnzoo model is in units {}, the simulation in units {}; expected: units {}", units,
               update->unit_style, units);
  }
  if (!atom->tag_enable) error->all(FLERR, "pair_style gnnzoo needs ids of atoms: atom_modify id yes");
  if (conventions().molecules && !atom->molecule_flag)
    error->all(FLERR,
               "forces of this gnnzoo model depend on which atoms share a molecule: atom_style full, molecular or "
               "another one with molecule ids");
  if (conventions().periodic && !(domain->xperiodic && domain->yperiodic && domain->zperiodic))
    error->all(FLERR, "this gnnzoo model has wave vectors, which need: boundary p p p");
  if (!mapped && !force->newton_pair) error->all(FLERR, "pair_style gnnzoo on several processes needs: newton on");
}

// LAMMPS' neighbour list has all pairs; bonded pairs and excluded ones may be missing in it.
void PairGnnzoo::check_list() const
{
  for (int k = 1; k <= 3; k++)
    if (atom->molecular != 0 && (force->special_lj[k] == 0.0 || force->special_coul[k] == 0.0))
      error->all(FLERR,
                 "special_bonds with a weight of 0 removes bonded pairs from the neighbour list, and the energy would be "
                 "wrong; expected: special_bonds lj/coul 1 1 1");
  if (neighbor->nex_type || neighbor->nex_group || neighbor->nex_mol)
    error->all(FLERR, "neigh_modify exclude removes pairs that a gnnzoo model needs; leave it out");
}

// --- the graph --------------------------------------------------------------------------------------------------------

// Rows of the graph for the atoms of this process that the model knows.
void PairGnnzoo::assign_rows()
{
  graph.clear();
  atoms.clear();
  row.assign(atom->nlocal + atom->nghost, -1);
  for (int i = 0; i < atom->nlocal; i++)
    if (model_type[atom->type[i]]) {
      row[i] = static_cast<int>(atoms.size());
      atoms.push_back(i);
    }
}

// For each atom, copies included, the atom of this process with the same id.
std::vector<int> PairGnnzoo::owners() const
{
  const int all = atom->nlocal + atom->nghost;
  std::unordered_map<tagint, int> by_tag;
  by_tag.reserve(atom->nlocal);
  for (int i = 0; i < atom->nlocal; i++) by_tag[atom->tag[i]] = i;
  std::vector<int> owner(all);
  for (int i = 0; i < all; i++) {
    const auto found = i < atom->nlocal ? by_tag.end() : by_tag.find(atom->tag[i]);
    owner[i] = i < atom->nlocal ? i : found->second;
  }
  return owner;
}

// Adds the copies within `rounds` steps of the own atoms as rows, and those within one step less as receivers.
void PairGnnzoo::add_layers(std::vector<int> &receivers)
{
  const double limit = conventions().cutoff * conventions().cutoff;
  std::vector<int> front = receivers, next;
  for (int round = 0; round < conventions().rounds; round++) {
    next.clear();
    for (int i : front)
      for (int k = 0; k < list->numneigh[i]; k++) {
        const int j = list->firstneigh[i][k] & NEIGHMASK;
        const double *a = atom->x[i], *b = atom->x[j];
        const double x = b[0] - a[0], y = b[1] - a[1], z = b[2] - a[2];
        if (row[j] >= 0 || x * x + y * y + z * z >= limit || !model_type[atom->type[j]]) continue;
        row[j] = static_cast<int>(atoms.size());
        atoms.push_back(j);
        next.push_back(j);
      }
    if (round + 1 < conventions().rounds) receivers.insert(receivers.end(), next.begin(), next.end());
    front.swap(next);
  }
}

void PairGnnzoo::add_edges(int i, const std::vector<int> &owner)
{
  const double limit = conventions().cutoff * conventions().cutoff;
  const size_t first = graph.senders.size();
  std::vector<int> partners;
  for (int k = 0; k < list->numneigh[i]; k++) {
    const int j = list->firstneigh[i][k] & NEIGHMASK;
    const double *a = atom->x[i], *b = atom->x[j];
    const double x = b[0] - a[0], y = b[1] - a[1], z = b[2] - a[2];
    const int sender = row[mapped ? owner[j] : j];
    if (x * x + y * y + z * z >= limit || sender < 0) continue;
    graph.senders.push_back(sender);
    graph.receivers.push_back(row[i]);
    graph.classes.push_back(OTHER_MOLECULE);
    graph.vectors.insert(graph.vectors.end(), {x, y, z});
    if (conventions().molecules) partners.push_back(j);
  }
  if (conventions().molecules) mark_molecule(first, i, partners);
}

// Classes of the edges to atoms of the same molecule, of whose images the nearest counts.
void PairGnnzoo::mark_molecule(size_t first, int i, const std::vector<int> &partners)
{
  struct Candidate {
    size_t edge;
    tagint tag;
    int type;
    double squared;
  };
  std::vector<Candidate> found;
  for (size_t k = 0; k < partners.size(); k++) {
    const int j = partners[k];
    if (atom->molecule[j] != atom->molecule[i] || atom->tag[j] == atom->tag[i]) continue;
    const double *vector = &graph.vectors[3 * (first + k)];
    found.push_back({first + k, atom->tag[j], model_type[atom->type[j]],
                     vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2]});
  }
  const int own = model_type[atom->type[i]];
  std::unordered_map<tagint, double> nearest;
  for (const Candidate &one : found) {
    const auto known = nearest.find(one.tag);
    if (known == nearest.end() || one.squared < known->second) nearest[one.tag] = one.squared;
  }
  for (const Candidate &one : found)
    if (one.squared <= nearest[one.tag] * SAME_DISTANCE)
      graph.classes[one.edge] = conventions().bonded.count({own, one.type}) ? BONDED : SAME_MOLECULE;
}

// Positions relative to the corner of the box, and its lattice vectors as rows.
void PairGnnzoo::add_box()
{
  for (int i : atoms)
    for (int axis = 0; axis < 3; axis++) graph.positions.push_back(atom->x[i][axis] - domain->boxlo[axis]);
  graph.cell = {domain->xprd, 0, 0, domain->xy, domain->yprd, 0, domain->xz, domain->yz, domain->zprd};
}

// --- forces -----------------------------------------------------------------------------------------------------------

void PairGnnzoo::compute(int eflag, int vflag)
{
  ev_init(eflag, vflag);
  if (vflag_either && conventions().virial == 0)
    error->all(FLERR,
               "forces of this gnnzoo model have no virial, and the pressure would be wrong: no fix npt or nph, no "
               "compute pressure, and thermo_style custom step temp (without press), or train a model with an energy");
  if (vflag_atom && conventions().virial < 2)
    error->all(FLERR, "this gnnzoo model has wave vectors, whose virial belongs to no atom: no compute stress/atom");
  if (cvflag_atom) error->all(FLERR, "pair_style gnnzoo has no centroid/stress/atom");
  if (eflag_atom && !conventions().energy)
    error->all(FLERR, "this gnnzoo model has forces without an energy: no compute pe/atom");

  if (vflag_global && !conventions().pressure && !warned && comm->me == 0)
    error->warning(FLERR,
                   "this gnnzoo model was trained without virials: forces alone hardly determine its pressure; compare "
                   "it with that of the reference before a run at constant pressure");
  warned = true;

  const auto start = Clock::now();
  assign_rows();
  std::vector<int> receivers = atoms;
  if (!mapped) add_layers(receivers);
  const std::vector<int> owner = mapped ? owners() : std::vector<int>();
  for (int i : receivers) add_edges(i, owner);
  for (size_t k = 0; k < atoms.size(); k++) {
    graph.types.push_back(model_type[atom->type[atoms[k]]]);
    graph.owned.push_back(atoms[k] < atom->nlocal);
  }
  if (conventions().periodic) add_box();
  seconds_list += since(start);

  if (atoms.empty()) return;    // none in this part of the box
  const gnnzoo::Wanted wanted = {conventions().energy && eflag_either, vflag_global != 0, vflag_atom != 0};
  evaluate(wanted);
  tally(wanted);
}

void PairGnnzoo::evaluate(const gnnzoo::Wanted &wanted)
{
  const auto start = Clock::now();
  try {
    model->evaluate(graph, wanted, results);
  } catch (std::exception &problem) {
    error->one(FLERR, "pair_style gnnzoo at step {}: {}", update->ntimestep, problem.what());
  }
  seconds_model += since(start);
  evaluations++;
  edges += static_cast<long>(graph.senders.size());
}

void PairGnnzoo::tally(const gnnzoo::Wanted &wanted)
{
  for (size_t k = 0; k < atoms.size(); k++)
    for (int axis = 0; axis < 3; axis++) atom->f[atoms[k]][axis] += results.forces[3 * k + axis];
  if (wanted.energies)
    for (size_t k = 0; k < atoms.size(); k++) {
      if (eflag_global) eng_vdwl += results.energies[k];
      if (eflag_atom) eatom[atoms[k]] += results.energies[k];
    }
  constexpr int first[6] = {0, 4, 8, 1, 2, 5}, second[6] = {0, 4, 8, 3, 6, 7};    // xx yy zz xy xz yz of 3 x 3
  for (int k = 0; k < 6; k++) {
    if (wanted.virial) virial[k] += 0.5 * (results.virial[first[k]] + results.virial[second[k]]);
    if (wanted.virials)
      for (size_t n = 0; n < atoms.size(); n++)
        vatom[atoms[n]][k] += 0.5 * (results.virials[9 * n + first[k]] + results.virials[9 * n + second[k]]);
  }
}

// --- reports ----------------------------------------------------------------------------------------------------------

void PairGnnzoo::finish()
{
  if (comm->me == 0 && evaluations)
    utils::logmesg(lmp, "gnnzoo: {} evaluations, {} edges and {:.2f} ms each, {:.2f} ms of them for the list\n", evaluations,
                   edges / evaluations, 1e3 * (seconds_list + seconds_model) / evaluations, 1e3 * seconds_list / evaluations);
  seconds_list = seconds_model = 0;
  evaluations = edges = 0;
}

double PairGnnzoo::memory_usage()
{
  return Pair::memory_usage() + graph.bytes() + 4.0 * (row.capacity() + atoms.capacity());
}
