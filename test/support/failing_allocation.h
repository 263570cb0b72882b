// Memory that runs out when a test says so. Replaces operator new in the whole program.
#pragma once

#include <cstddef>

namespace test {

/// After `count` more allocations of this thread by operator new, one throws std::bad_alloc.
void FailAllocationAfter(std::size_t count);

/// No allocation of this thread fails any more. Whether one did.
bool StopFailing();

}  // namespace test
