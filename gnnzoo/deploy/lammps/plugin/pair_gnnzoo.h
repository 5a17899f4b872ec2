// pair_style gnnzoo FOLDER [precision single|double] [threads N] [layout map|halo]
// pair_coeff * * [species of each LAMMPS type, NULL for none]
//
// Two layouts of the atoms that the network gets:
//   map:  the atoms of the box; neighbours that are periodic images are the atoms that they are images of. One process.
//   halo: the atoms of this process and the copies around them, as many cutoffs deep as the network has rounds of
//         messages. Any number of processes, of models that do not couple all atoms of a box.
#ifndef GNNZOO_PAIR_GNNZOO_H
#define GNNZOO_PAIR_GNNZOO_H

#include "frozen_model.h"

#include "pair.h"

#include <memory>
#include <vector>

namespace LAMMPS_NS {

class PairGnnzoo : public Pair {
 public:
  PairGnnzoo(class LAMMPS *);
  ~PairGnnzoo() override;
  void settings(int, char **) override;
  void coeff(int, char **) override;
  void init_style() override;
  double init_one(int, int) override;
  void compute(int, int) override;
  void finish() override;
  double memory_usage() override;

 private:
  std::unique_ptr<gnnzoo::FrozenModel> model;
  gnnzoo::NeighborGraph graph;
  gnnzoo::Results results;
  bool mapped = true, double_precision = false;
  bool warned = false;            // that the pressure was not trained
  std::vector<int> model_type;    // LAMMPS type -> type of the model, 0 for none
  std::vector<int> row;           // atom of LAMMPS, copies included -> row of the graph, or -1
  std::vector<int> atoms;         // row -> atom
  double seconds_list = 0, seconds_model = 0;
  long evaluations = 0, edges = 0;

  const gnnzoo::Conventions &conventions() const { return model->conventions; }
  void check_simulation() const;
  void check_list() const;
  void assign_rows();
  std::vector<int> owners() const;
  void add_layers(std::vector<int> &receivers);
  void add_edges(int receiver, const std::vector<int> &owner);
  void mark_molecule(size_t first, int receiver, const std::vector<int> &partners);
  void add_box();
  void evaluate(const gnnzoo::Wanted &wanted);
  void tally(const gnnzoo::Wanted &wanted);
};

}    // namespace LAMMPS_NS

#endif
