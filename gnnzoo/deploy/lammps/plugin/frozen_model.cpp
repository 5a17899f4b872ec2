#include "frozen_model.h"

#include <cstring>
#include <fstream>
#include <sstream>

namespace gnnzoo {

namespace {

constexpr int FORMAT = 2;

template <class T> TF_Tensor *make_tensor(const TensorFlow &tf, TF_DataType type, const std::vector<T> &values, int width)
{
  const int64_t rows = static_cast<int64_t>(values.size()) / width;
  const int64_t shape[2] = {rows, width};
  const size_t bytes = values.size() * sizeof(T);
  TF_Tensor *tensor = tf.AllocateTensor(type, shape, width == 1 ? 1 : 2, bytes);
  if (bytes) std::memcpy(tf.TensorData(tensor), values.data(), bytes);
  return tensor;
}

}    // namespace

Conventions Conventions::read(const std::string &folder)
{
  Conventions found;
  found.folder = folder;
  std::ifstream file(folder + "/plugin.txt");
  if (!file)
    throw std::runtime_error("no plugin.txt in " + folder +
                             ": not a folder written by gnnzoo freeze, or one of an older version; freeze it again");
  int format = 0;
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string key;
    words >> key;
    if (key == "format") words >> format;
    else if (key == "units") words >> found.units;
    else if (key == "cutoff") words >> found.cutoff;
    else if (key == "rounds") words >> found.rounds;
    else if (key == "whole_box") words >> found.whole_box;
    else if (key == "periodic") words >> found.periodic;
    else if (key == "molecules") words >> found.molecules;
    else if (key == "energy") words >> found.energy;
    else if (key == "virial") words >> found.virial;
    else if (key == "pressure") words >> found.pressure;
    else if (key == "type") {
      int number;
      double mass;
      std::string name;
      words >> number >> mass >> std::ws;
      std::getline(words, name);
      found.names[number] = name;
    } else if (key == "bonded") {
      int one, other;
      words >> one >> other;
      found.bonded.insert({one, other});
      found.bonded.insert({other, one});
    } else if (key == "input" || key == "output") {
      std::string signature, name, tensor;
      words >> signature >> name >> tensor;
      found.tensors[key + " " + signature + " " + name] = tensor;
    }
    if (words.fail()) throw std::runtime_error("plugin.txt of " + folder + " has a line that cannot be read: " + line);
  }
  if (format != FORMAT)
    throw std::runtime_error("plugin.txt of " + folder + " is of format " + std::to_string(format) + ", not " +
                             std::to_string(FORMAT) + ": freeze the model again with this version of gnnzoo");
  if (!(found.cutoff > 0) || found.names.empty()) throw std::runtime_error("plugin.txt of " + folder + " is incomplete");
  return found;
}

void NeighborGraph::clear()
{
  for (auto *part : {&types, &senders, &receivers, &classes}) part->clear();
  for (auto *part : {&vectors, &positions, &cell}) part->clear();
  owned.clear();
}

double NeighborGraph::bytes() const
{
  return 4.0 * (types.capacity() + senders.capacity() + receivers.capacity() + classes.capacity()) + owned.capacity() +
      8.0 * (vectors.capacity() + positions.capacity() + cell.capacity());
}

FrozenModel::FrozenModel(const Conventions &conventions, bool double_precision, int threads) :
    conventions(conventions), tf(TensorFlow::get()), signature(double_precision ? "edges_float64" : "edges"),
    status(tf.NewStatus()), graph(tf.NewGraph())
{
  TF_SessionOptions *options = tf.NewSessionOptions();
  // ConfigProto: field 2, intra_op_parallelism_threads, a varint; field 5, inter_op_parallelism_threads = 1
  std::vector<unsigned char> config = {0x10};
  for (unsigned left = threads; ; left >>= 7) {
    config.push_back((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    if (left <= 0x7f) break;
  }
  config.insert(config.end(), {0x28, 0x01});
  tf.SetConfig(options, config.data(), config.size(), status);
  check("threads");
  const char *tags[] = {"serve"};
  const QuietStart quiet;
  session = tf.LoadSessionFromSavedModel(options, nullptr, conventions.folder.c_str(), tags, 1, graph, nullptr, status);
  tf.DeleteSessionOptions(options);
  check("the model in " + conventions.folder + " cannot be loaded");
}

FrozenModel::~FrozenModel()
{
  if (session) {
    tf.CloseSession(session, status);
    tf.DeleteSession(session, status);
  }
  tf.DeleteGraph(graph);
  tf.DeleteStatus(status);
}

void FrozenModel::check(const std::string &what) const
{
  if (tf.GetCode(status) != TF_OK) throw std::runtime_error(what + ": " + tf.Message(status));
}

TF_Output FrozenModel::tensor(const std::string &kind, const std::string &name) const
{
  const auto found = conventions.tensors.find(kind + " " + signature + " " + name);
  if (found == conventions.tensors.end()) throw std::runtime_error("the model has no " + kind + " " + name);
  const size_t colon = found->second.rfind(':');
  TF_Operation *operation = tf.GraphOperationByName(graph, found->second.substr(0, colon).c_str());
  if (!operation) throw std::runtime_error("the model does not have the tensor " + found->second + " of its plugin.txt");
  return {operation, std::stoi(found->second.substr(colon + 1))};
}

void FrozenModel::evaluate(const NeighborGraph &given, const Wanted &wanted, Results &results)
{
  std::vector<TF_Output> inputs, outputs;
  std::vector<TF_Tensor *> values;
  const auto add = [&](const char *name, TF_Tensor *value) {
    inputs.push_back(tensor("input", name));
    values.push_back(value);
  };
  add("types", make_tensor(tf, TF_INT32, given.types, 1));
  add("owned", make_tensor(tf, TF_BOOL, given.owned, 1));
  add("senders", make_tensor(tf, TF_INT32, given.senders, 1));
  add("receivers", make_tensor(tf, TF_INT32, given.receivers, 1));
  add("vectors", make_tensor(tf, TF_DOUBLE, given.vectors, 3));
  add("edge_class", make_tensor(tf, TF_INT32, given.classes, 1));
  if (conventions.periodic) {
    add("positions", make_tensor(tf, TF_DOUBLE, given.positions, 3));
    add("cell", make_tensor(tf, TF_DOUBLE, given.cell, 3));
  }
  std::vector<std::vector<double> *> targets;
  const auto ask = [&](const char *name, bool asked, std::vector<double> &target) {
    target.clear();
    if (!asked) return;
    outputs.push_back(tensor("output", name));
    targets.push_back(&target);
  };
  ask("forces", true, results.forces);
  ask("energies", wanted.energies, results.energies);
  ask("virial", wanted.virial, results.virial);
  ask("virials", wanted.virials, results.virials);

  std::vector<TF_Tensor *> found(outputs.size(), nullptr);
  tf.SessionRun(session, nullptr, inputs.data(), values.data(), static_cast<int>(inputs.size()), outputs.data(),
                found.data(), static_cast<int>(outputs.size()), nullptr, 0, nullptr, status);
  for (TF_Tensor *value : values) tf.DeleteTensor(value);
  check("the model");
  for (size_t k = 0; k < found.size(); k++) {
    const double *first = static_cast<const double *>(tf.TensorData(found[k]));
    targets[k]->assign(first, first + tf.TensorByteSize(found[k]) / sizeof(double));
    tf.DeleteTensor(found[k]);
  }
}

}    // namespace gnnzoo
