// A folder written by `gnnzoo freeze`: its conventions (plugin.txt) and its network as a function of a neighbour list.
#ifndef GNNZOO_FROZEN_MODEL_H
#define GNNZOO_FROZEN_MODEL_H

#include "tensorflow_api.h"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace gnnzoo {

// Content of plugin.txt, see gnnzoo/deploy/lammps/plugin_file.py.
struct Conventions {
  std::string folder, units;
  double cutoff = 0;    // length unit
  int rounds = 1;       // an energy depends on edges up to this many steps away
  bool whole_box = false, periodic = false, molecules = false, energy = false;
  bool pressure = false;                         // whether it was trained on virials, too
  int virial = 0;                                // 0: none, 1: of the box alone, 2: of each atom
  std::map<int, std::string> names;              // type of the model -> name
  std::set<std::pair<int, int>> bonded;          // types that are bonded within a molecule, both orders
  std::map<std::string, std::string> tensors;    // "input edges types" -> tensor

  // Read plugin.txt; std::runtime_error where it is missing or of another format.
  static Conventions read(const std::string &folder);
};

// Atoms and edges of one evaluation; edges are best listed by ascending receivers.
struct NeighborGraph {
  std::vector<int32_t> types, senders, receivers, classes;
  std::vector<unsigned char> owned;
  std::vector<double> vectors;                // 3 for each edge, from receiver to sender
  std::vector<double> positions, cell;        // of models that are periodic: 3 for each atom; rows are lattice vectors

  void clear();
  double bytes() const;
};

// Results of one evaluation; empty where they were not asked for.
struct Results {
  std::vector<double> forces;      // 3 for each atom
  std::vector<double> energies;    // of each atom
  std::vector<double> virial;      // 9
  std::vector<double> virials;     // 9 for each atom
};

struct Wanted {
  bool energies = false, virial = false, virials = false;
};

// The network of a folder, loaded.
class FrozenModel {
 public:
  const Conventions conventions;

  // threads: of TensorFlow. Throws std::runtime_error.
  FrozenModel(const Conventions &conventions, bool double_precision, int threads);
  ~FrozenModel();
  FrozenModel(const FrozenModel &) = delete;
  FrozenModel &operator=(const FrozenModel &) = delete;

  // Evaluate the network; std::runtime_error with TensorFlow's words if it refuses.
  void evaluate(const NeighborGraph &graph, const Wanted &wanted, Results &results);

  static std::string tensorflow_version() { return TensorFlow::get().Version(); }

 private:
  TF_Output tensor(const std::string &kind, const std::string &name) const;
  void check(const std::string &what) const;

  const TensorFlow &tf;
  std::string signature;
  TF_Status *status;
  TF_Graph *graph;
  TF_Session *session = nullptr;
};

}    // namespace gnnzoo

#endif
