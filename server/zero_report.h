// What is done about zero, told to the log and counted in metrics.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "server/log.h"
#include "server/zero/zero_controller.h"

namespace server {

/// Safe to call from several threads at once.
class ZeroReport final : public zero::ZeroObserver {
 public:
  ZeroReport();
  ~ZeroReport() override;

  void OnAct(const zero::Act& act) override;
  void OnRound(const zero::RoundSummary& summary) override;
  void OnLeading(bool leading) override;
  void OnLeader(std::string_view holder) override;
  void OnTrouble(std::string_view what, std::string_view cause) override;

  /// Content type: text/plain; version=0.0.4.
  std::string Render() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
  LogLimiter limiter_;
};

}  // namespace server
