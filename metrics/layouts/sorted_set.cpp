#include "metrics/layouts/sorted_set.h"

namespace metrics::layouts {
namespace {

Preset::Keys KeysOf(const SortedSetOptions& options) {
  if (!options.due) return {.waiting = {{"ZCARD"}}};
  // What is due tells since when, so there is nothing to look up.
  return {.waiting = {}, .delayed = {{"{queue}", *options.due}}, .oldest = OldestJob{}};
}

}  // namespace

SortedSet::SortedSet(const SortedSetOptions& options) : Preset(KeysOf(options)) {}

}  // namespace metrics::layouts
