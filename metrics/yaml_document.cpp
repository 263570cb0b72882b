#include "metrics/yaml_document.h"

#include <algorithm>
#include <map>
#include <sstream>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "metrics/go_quote.h"

namespace metrics {
namespace {

/// Grows the tree as yaml-cpp reads.
class Builder final : public YAML::EventHandler {
 public:
  YamlPtr root() const { return root_ == nullptr ? std::make_shared<YamlValue>() : root_; }

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { Add(Make(mark, anchor)); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto& original = anchored_.at(anchor);
    const auto is_open = [&](const Open& open) { return open.value == original; };
    if (std::any_of(open_.begin(), open_.end(), is_open)) {
      throw YamlError(mark.line + 1, mark.column + 1, "an alias cannot stand inside of what it repeats");
    }
    Add(original);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                const std::string& value) override {
    const auto scalar = Make(mark, anchor);
    scalar->kind = YamlValue::Kind::kScalar;
    scalar->scalar = value;
    Add(scalar);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    Begin(YamlValue::Kind::kSequence, mark, anchor);
  }
  void OnSequenceEnd() override { open_.pop_back(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    Begin(YamlValue::Kind::kMapping, mark, anchor);
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  using Mutable = std::shared_ptr<YamlValue>;

  struct Open {
    Mutable value;
    YamlPtr key;  // Of a mapping, whose value comes next.
  };

  Mutable Make(const YAML::Mark& mark, YAML::anchor_t anchor) {
    auto value = std::make_shared<YamlValue>();
    value->line = mark.line + 1;
    value->column = mark.column + 1;
    if (anchor != 0) anchored_[anchor] = value;
    return value;
  }

  void Begin(YamlValue::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    const auto value = Make(mark, anchor);
    value->kind = kind;
    Add(value);
    open_.push_back({value, nullptr});
  }

  void Add(const YamlPtr& value) {
    if (open_.empty()) {
      root_ = value;
      return;
    }
    Open& parent = open_.back();
    if (parent.value->kind == YamlValue::Kind::kSequence) {
      parent.value->items.push_back(value);
    } else if (parent.key == nullptr) {
      parent.key = value;
    } else {
      parent.value->entries.emplace_back(std::exchange(parent.key, nullptr), value);
    }
  }

  YamlPtr root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Mutable> anchored_;
};

/// Notices that there is a second document.
class Second final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    throw YamlError(mark.line + 1, mark.column + 1, "a second document begins here; there can only be one");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

}  // namespace

YamlPtr ParseYaml(std::string_view text) try {
  std::istringstream stream{std::string(text)};
  YAML::Parser parser(stream);
  Builder builder;
  if (parser.HandleNextDocument(builder)) {
    Second second;
    parser.HandleNextDocument(second);
  }
  return builder.root();
} catch (const YAML::Exception& error) {
  // Its text may hold a byte of the file as it is, a line end for instance.
  const std::string quoted = GoQuote(error.msg);
  throw YamlError(error.mark.line + 1, error.mark.column + 1, "not YAML: " + quoted.substr(1, quoted.size() - 2));
}

}  // namespace metrics
