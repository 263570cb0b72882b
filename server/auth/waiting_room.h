// How many requests may wait for kube-apiserver at a time. While it is slow, each of them holds a thread, and whoever
// finds no seat is told so at once.
#pragma once

#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

namespace server::auth {

inline constexpr std::string_view kNoSeat = "too many requests wait for kube-apiserver";

struct WaitingRoomSize {
  unsigned seats = 14;
  /// Of those, at most so many for clients that the front proxy does not vouch for: any pod can be one.
  unsigned seats_for_strangers = 8;
};

/// Safe to use from several threads at once.
class WaitingRoom {
 public:
  explicit WaitingRoom(WaitingRoomSize size) : size_(size) {}

  /// Gives itself back.
  class Seat {
   public:
    Seat(WaitingRoom& room, bool stranger) : room_(&room), stranger_(stranger) {}
    Seat(Seat&& other) noexcept : room_(std::exchange(other.room_, nullptr)), stranger_(other.stranger_) {}
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;
    Seat& operator=(Seat&&) = delete;
    ~Seat() {
      if (room_ != nullptr) {
        room_->Leave(stranger_);
      }
    }

   private:
    WaitingRoom* room_;
    bool stranger_;
  };

  /// Nothing if there is no seat.
  std::optional<Seat> Enter(bool stranger) {
    const std::lock_guard lock(mutex_);
    if (taken_ == size_.seats || (stranger && taken_by_strangers_ == size_.seats_for_strangers)) {
      return std::nullopt;
    }
    ++taken_;
    taken_by_strangers_ += stranger ? 1 : 0;
    return std::optional<Seat>(std::in_place, *this, stranger);
  }

 private:
  void Leave(bool stranger) {
    const std::lock_guard lock(mutex_);
    --taken_;
    taken_by_strangers_ -= stranger ? 1 : 0;
  }

  const WaitingRoomSize size_;
  std::mutex mutex_;
  unsigned taken_ = 0;               // Guarded by mutex_.
  unsigned taken_by_strangers_ = 0;  // Guarded by mutex_.
};

}  // namespace server::auth
