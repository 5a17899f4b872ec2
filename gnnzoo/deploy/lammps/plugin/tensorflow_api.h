// TensorFlow's C API, loaded when it is first needed: LAMMPS starts as fast as before where no gnnzoo style is used.
#ifndef GNNZOO_TENSORFLOW_API_H
#define GNNZOO_TENSORFLOW_API_H

#include "tensorflow/c/c_api.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace gnnzoo {

// Keeps what TensorFlow writes to stderr while it starts from the user, unless TF_CPP_MIN_LOG_LEVEL asks for it: errors
// that matter are in its status.
class QuietStart {
 public:
  QuietStart()
  {
    const char *level = std::getenv("TF_CPP_MIN_LOG_LEVEL");
    const int nowhere = level && std::atoi(level) < 2 ? -1 : open("/dev/null", O_WRONLY);
    if (nowhere < 0) return;
    std::fflush(stderr);
    kept = dup(STDERR_FILENO);
    dup2(nowhere, STDERR_FILENO);
    close(nowhere);
  }
  ~QuietStart()
  {
    if (kept < 0) return;
    dup2(kept, STDERR_FILENO);
    close(kept);
  }
  QuietStart(const QuietStart &) = delete;
  QuietStart &operator=(const QuietStart &) = delete;

 private:
  int kept = -1;
};

// The functions of the C API that the plugin calls, without their prefix TF_.
class TensorFlow {
 public:
#define GNNZOO_FUNCTION(name) decltype(&TF_##name) name = find<decltype(&TF_##name)>("TF_" #name)
  // Loads the library; std::runtime_error where it is not at its place.
  static const TensorFlow &get()
  {
    static const TensorFlow instance;
    return instance;
  }

 private:
  void *library = load();

  static void *load()
  {
    setenv("TF_CPP_MIN_LOG_LEVEL", "2", 0);    // errors alone, unless the user asks for more
    const char *own = std::getenv("GNNZOO_TENSORFLOW");
    const std::string path = own ? own : GNNZOO_TENSORFLOW_LIBRARY;
    const QuietStart quiet;
    void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle)
      throw std::runtime_error("TensorFlow cannot be loaded: " + std::string(dlerror()) +
                               "; gnnzoo lammps --build makes the plugin again, for the TensorFlow that is installed");
    return handle;
  }

  template <class Function> Function find(const char *name) const
  {
    void *address = dlsym(library, name);
    if (!address) throw std::runtime_error(std::string("this TensorFlow has no ") + name);
    return reinterpret_cast<Function>(address);
  }

 public:
  GNNZOO_FUNCTION(AllocateTensor);
  GNNZOO_FUNCTION(CloseSession);
  GNNZOO_FUNCTION(DeleteGraph);
  GNNZOO_FUNCTION(DeleteSession);
  GNNZOO_FUNCTION(DeleteSessionOptions);
  GNNZOO_FUNCTION(DeleteStatus);
  GNNZOO_FUNCTION(DeleteTensor);
  GNNZOO_FUNCTION(GetCode);
  GNNZOO_FUNCTION(GraphOperationByName);
  GNNZOO_FUNCTION(LoadSessionFromSavedModel);
  GNNZOO_FUNCTION(Message);
  GNNZOO_FUNCTION(NewGraph);
  GNNZOO_FUNCTION(NewSessionOptions);
  GNNZOO_FUNCTION(NewStatus);
  GNNZOO_FUNCTION(SessionRun);
  GNNZOO_FUNCTION(SetConfig);
  GNNZOO_FUNCTION(TensorByteSize);
  GNNZOO_FUNCTION(TensorData);
  GNNZOO_FUNCTION(Version);
#undef GNNZOO_FUNCTION
};

}    // namespace gnnzoo

#endif
