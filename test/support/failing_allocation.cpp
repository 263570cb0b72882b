#include "test/support/failing_allocation.h"

#include <cstdlib>
#include <new>
#include <utility>

namespace test {
namespace {

// Of each thread: whether one of its next allocations fails, and how many come before that one.
thread_local bool one_fails = false;
thread_local std::size_t before_it = 0;

void* Allocate(std::size_t size) {
  if (one_fails && before_it-- == 0) {
    one_fails = false;
    throw std::bad_alloc();
  }
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void FailAllocationAfter(std::size_t count) {
  one_fails = true;
  before_it = count;
}

bool StopFailing() { return !std::exchange(one_fails, false); }

}  // namespace test

void* operator new(std::size_t size) { return test::Allocate(size); }
void* operator new[](std::size_t size) { return test::Allocate(size); }
void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept { return std::malloc(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t /*size*/) noexcept { std::free(memory); }
