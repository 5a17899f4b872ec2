// Entry of the plugin: LAMMPS looks for lammpsplugin_init when it loads a file, see its manual, "Writing plugins".
#include "pair_gnnzoo.h"

#include "lammps.h"

#include <cstdio>
#include <cstring>

// The ABI of LAMMPS' plugin loader, with the layout of its lammpsplugin.h.
extern "C" {
typedef void *(lammpsplugin_factory1)(void *);
typedef void *(lammpsplugin_factory2)(void *, int, char **);
typedef struct {
  const char *version, *style, *name, *info, *author;
  union {
    lammpsplugin_factory1 *v1;
    lammpsplugin_factory2 *v2;
  } creator;
  void *handle;
} lammpsplugin_t;
typedef void (*lammpsplugin_regfunc)(lammpsplugin_t *, void *);
void lammpsplugin_init(void *, void *, void *);
}

static LAMMPS_NS::Pair *make_pair_gnnzoo(LAMMPS_NS::LAMMPS *lmp) { return new LAMMPS_NS::PairGnnzoo(lmp); }

void lammpsplugin_init(void *lmp, void *handle, void *registration)
{
  auto *lammps = static_cast<LAMMPS_NS::LAMMPS *>(lmp);
  if (std::strcmp(lammps->version, GNNZOO_LAMMPS_VERSION) != 0) {
    // classes of another release have other layouts: their use would end the process
    std::fprintf(stderr, "gnnzoo: this plugin was made for LAMMPS of %s, not of %s; gnnzoo lammps --build makes it again\n",
                 GNNZOO_LAMMPS_VERSION, lammps->version);
    return;
  }
  lammpsplugin_t plugin;
  plugin.version = lammps->version;
  plugin.style = "pair";
  plugin.name = "gnnzoo";
  plugin.info = "graph-neural-network force fields frozen by gnnzoo";
  plugin.author = "gnnzoo";
  plugin.creator.v1 = reinterpret_cast<lammpsplugin_factory1 *>(&make_pair_gnnzoo);
  plugin.handle = handle;
  (*reinterpret_cast<lammpsplugin_regfunc>(registration))(&plugin, lmp);
}
