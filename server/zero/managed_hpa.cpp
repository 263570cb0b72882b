#include "server/zero/managed_hpa.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <map>
#include <variant>

#include "metrics/duration.h"
#include "server/wire/quantity.h"

namespace server::zero {
namespace {

using kube::Json;

constexpr std::string_view kPrefix = "zero.queue-metrics.dev/";
constexpr std::array kAnnotations{kActions, kCoolDown, kActivationThreshold, kPaused, kPausedAt};
constexpr std::chrono::seconds kShortestCoolDown{1};
constexpr std::chrono::hours kLongestCoolDown{24};
// What the HPA does without a behaviour: four pods, or twice as many.
constexpr std::int32_t kDefaultFirstStep = 4;

std::optional<std::int64_t> WholeNumber(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

std::int32_t Int32(const Json& value, std::int32_t otherwise) {
  const auto number = value.Int();
  return number && *number >= 0 && *number <= std::numeric_limits<std::int32_t>::max()
             ? static_cast<std::int32_t>(*number)
             : otherwise;
}

/// Turns annotations into settings, and collects what is wrong.
class SettingsReader {
 public:
  SettingsReader(ZeroSettings& settings, std::int32_t max_replicas, std::vector<std::string>& problems)
      : settings_(settings), max_replicas_(max_replicas), problems_(problems) {}

  void Read(std::string_view name, const std::string& value) {
    if (name == kActions) {
      ReadActions(value);
    } else if (name == kCoolDown) {
      ReadCoolDown(value);
    } else if (name == kActivationThreshold) {
      const auto number = WholeNumber(value);
      Expect(number && *number >= 0, name, value, "must be a whole number of jobs, such as 0");
      settings_.activation_threshold = number.value_or(0);
    } else if (name == kPaused) {
      Expect(value == "true" || value == "false", name, value, "must be true or false");
      settings_.paused = value == "true";
    } else if (name == kPausedAt) {
      const auto number = WholeNumber(value);
      const bool good = number && *number >= 0 && *number <= max_replicas_;
      Expect(good, name, value, "must be a whole number from 0 to maxReplicas, " + std::to_string(max_replicas_));
      settings_.paused_at = good ? static_cast<std::int32_t>(*number) : 0;
    } else {
      std::string known;
      for (const std::string_view annotation : kAnnotations) {
        known += (known.empty() ? "" : ", ") + std::string(annotation.substr(kPrefix.size()));
      }
      Expect(false, name, value, "is not known; there are " + known);
    }
  }

 private:
  void Expect(bool good, std::string_view name, const std::string& value, const std::string& remedy) {
    if (!good) {
      problems_.push_back("annotation " + std::string(name) + "=\"" + value + "\": " + remedy);
    }
  }

  void ReadActions(const std::string& value) {
    const std::map<std::string_view, bool*> known{{"wake", &settings_.wake},
                                                  {"sleep", &settings_.sleep},
                                                  {"mend", &settings_.mend},
                                                  {"spare-busy", &settings_.spare_busy}};
    std::string_view rest = value;
    bool more = true;
    while (more) {
      const std::size_t comma = rest.find(',');
      std::string_view action = rest.substr(0, comma);
      more = comma != std::string_view::npos;
      rest.remove_prefix(more ? comma + 1 : rest.size());
      action.remove_prefix(std::min(action.find_first_not_of(' '), action.size()));
      action = action.substr(0, action.find_last_not_of(' ') + 1);
      const auto found = known.find(action);
      if (found == known.end()) {
        Expect(false, kActions, value, "must be one or more of wake, sleep, mend, spare-busy, separated by commas");
        return;
      }
      *found->second = true;
    }
  }

  void ReadCoolDown(const std::string& value) {
    const auto parsed = metrics::ParseDuration(value);
    const auto* duration = std::get_if<std::chrono::nanoseconds>(&parsed);
    const bool good = duration != nullptr && *duration >= kShortestCoolDown && *duration <= kLongestCoolDown;
    Expect(good, kCoolDown, value, "must be a duration from 1s to 24h, such as 5m");
    if (good) {
      settings_.cool_down = std::chrono::ceil<std::chrono::seconds>(*duration);
    }
  }

  ZeroSettings& settings_;
  const std::int32_t max_replicas_;
  std::vector<std::string>& problems_;
};

/// A LabelSelector object as the text it is sent as.
std::string SelectorText(const Json& selector) {
  std::string text;
  const auto add = [&text](const std::string& requirement) { text += (text.empty() ? "" : ",") + requirement; };
  for (const auto& [key, value] : selector["matchLabels"].Members()) {
    add(key + "=" + value.String());
  }
  for (const Json& expression : selector["matchExpressions"].Elements()) {
    const std::string key = expression["key"].String();
    const std::string op = expression["operator"].String();
    if (op == "Exists" || op == "DoesNotExist") {
      add((op == "Exists" ? "" : "!") + key);
      continue;
    }
    std::string values;
    for (const std::string& value : expression["values"].Strings().value_or(std::vector<std::string>())) {
      values += (values.empty() ? "" : ",") + value;
    }
    add(key + (op == "In" ? " in (" : " notin (") + values + ")");
  }
  return text;
}

std::string LowerCase(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

void ReadMetric(const Json& metric, std::span<const std::string> our_metrics, ManagedHpa& hpa) try {
  const std::string type = metric["type"].String();
  if (type == "Resource" || type == "ContainerResource") {
    return;  // Of the pods themselves: at 0 there is nothing to read, and an idle pod has nothing to do.
  }
  const Json source = metric["external"];
  const std::string name = LowerCase(source["metric"]["name"].String());
  if (type != "External" || std::ranges::find(our_metrics, name) == our_metrics.end()) {
    hpa.has_foreign_metric = true;
    return;
  }
  const Json target = source["target"];
  const bool is_average = target["type"].String() != "Value";
  const std::string quantity = target[is_average ? "averageValue" : "value"].String();
  const auto milli = wire::ParseMilli(quantity);
  if (!milli || *milli == 0) {
    hpa.problems.push_back("the target \"" + quantity + "\" of " + name + " is not a positive quantity");
    return;
  }
  hpa.queues.push_back(
      {name, metrics::LabelSelector::Parse(SelectorText(source["metric"]["selector"])), *milli, is_average});
} catch (const metrics::LabelSelectorError& error) {
  hpa.problems.push_back(std::string("the selector of a metric: ") + error.what());
}

std::optional<std::int32_t> FirstStep(const Json& scale_up) {
  const auto policies = scale_up["policies"].Elements();
  const std::string select = scale_up["selectPolicy"].String();
  if (select == "Disabled") {
    return std::nullopt;
  }
  if (policies.empty()) {
    return kDefaultFirstStep;
  }
  const auto from_zero = [](const Json& policy) {
    return policy["type"].String() == "Pods" ? Int32(policy["value"], 0) : 0;  // A percentage of 0 is 0.
  };
  std::int32_t step = from_zero(policies.front());
  for (const Json& policy : policies) {
    step = select == "Min" ? std::min(step, from_zero(policy)) : std::max(step, from_zero(policy));
  }
  return step;
}

void ReadStatus(const Json& status, ManagedHpa& hpa) {
  const auto conditions = status["conditions"].Elements();
  if (!conditions.empty()) {
    hpa.replicas = std::min(Int32(status["currentReplicas"], 0), Int32(status["desiredReplicas"], 0));
  }
  for (const Json& condition : conditions) {
    const std::string type = condition["type"].String();
    if (type == "ScaledToZero") {
      hpa.owns_zero = condition["status"].String() == "True";
    } else if (type == "ScalingActive") {
      hpa.is_stuck = condition["status"].String() == "False";
    }
  }
}

/// "apps/v1", "v1": nothing that could lead elsewhere where it stands in a path.
bool IsApiVersion(std::string_view text) {
  const auto is_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  std::string_view version = text;
  if (const auto slash = text.find('/'); slash != std::string_view::npos) {
    const std::string_view group = text.substr(0, slash);
    version.remove_prefix(slash + 1);
    if (group.empty() || !is_word(group.front()) ||
        !std::ranges::all_of(group, [&](char c) { return is_word(c) || c == '.' || c == '-'; })) {
      return false;
    }
  }
  return !version.empty() && std::ranges::all_of(version, is_word);
}

void CheckTarget(ManagedHpa& hpa) {
  if (!IsApiVersion(hpa.target.api_version)) {
    hpa.problems.push_back("scaleTargetRef.apiVersion=\"" + hpa.target.api_version +
                           "\": must be a group and a version, such as apps/v1");
  }
  // Other kinds may heed the deletion cost: many keep their pods by a ReplicaSet.
  if (hpa.settings.spare_busy && hpa.target.kind == "StatefulSet" && hpa.target.api_version.starts_with("apps/")) {
    hpa.problems.emplace_back("spare-busy does nothing for a StatefulSet, whose last pod goes first whatever it costs");
  }
}

void CheckTogether(const Json& behavior, ManagedHpa& hpa) {
  const ZeroSettings& settings = hpa.settings;
  if (hpa.queues.empty() && hpa.problems.empty()) {
    hpa.problems.emplace_back("none of its metrics is an External metric that queue-metrics-server offers");
  }
  if (settings.sleep && hpa.has_foreign_metric) {
    hpa.problems.emplace_back(
        "it cannot sleep: it also scales on a metric that is not of queue-metrics-server, which cannot know that "
        "there is no work then");
  }
  if (settings.sleep && !settings.wake) {
    hpa.problems.emplace_back("it cannot sleep without the action wake: nobody would wake it");
  }
  if (settings.sleep && !hpa.first_step) {
    hpa.problems.emplace_back("it cannot sleep: behavior.scaleUp.selectPolicy is Disabled, and nobody would wake it");
  }
  if (settings.sleep && behavior["scaleDown"]["selectPolicy"].String() == "Disabled") {
    hpa.problems.emplace_back("it cannot sleep: behavior.scaleDown.selectPolicy is Disabled");
  }
  if (settings.activation_threshold > 0 && hpa.min_replicas == 0) {
    hpa.problems.emplace_back(
        "an activation-threshold above 0 needs a minReplicas of 1 or more: with 0 the HPA wakes its target itself, at "
        "the first job");
  }
  if (settings.paused_at.value_or(0) > 0 && hpa.min_replicas == 0) {
    hpa.problems.emplace_back(
        "paused-at above 0 needs a minReplicas of 1 or more: the HPA would scale to 0 what was just woken");
  }
}

}  // namespace

std::optional<ManagedHpa> ParseManagedHpa(const Json& hpa, std::span<const std::string> our_metrics) {
  const Json metadata = hpa["metadata"];
  const auto annotations = metadata["annotations"].Members();
  if (!annotations.contains(std::string(kActions))) {
    return std::nullopt;
  }
  const Json spec = hpa["spec"];
  const Json target = spec["scaleTargetRef"];
  const Json behavior = spec["behavior"];
  ManagedHpa managed{.ns = metadata["namespace"].String(),
                     .name = metadata["name"].String(),
                     .uid = metadata["uid"].String(),
                     .resource_version = metadata["resourceVersion"].String(),
                     .target = {target["apiVersion"].String(), target["kind"].String(), target["name"].String()},
                     .min_replicas = Int32(spec["minReplicas"], 1),
                     .max_replicas = Int32(spec["maxReplicas"], 1),
                     .first_step = FirstStep(behavior["scaleUp"]),
                     .queues = {},
                     .replicas = {},
                     .settings = {},
                     .problems = {}};
  SettingsReader reader(managed.settings, managed.max_replicas, managed.problems);
  for (const auto& [name, value] : annotations) {
    if (name.starts_with(kPrefix)) {
      reader.Read(name, value.String());
    }
  }
  for (const Json& metric : spec["metrics"].Elements()) {
    ReadMetric(metric, our_metrics, managed);
  }
  ReadStatus(hpa["status"], managed);
  CheckTarget(managed);
  CheckTogether(behavior, managed);
  return managed;
}

}  // namespace server::zero
