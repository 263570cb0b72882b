// JSON as Go's encoding/json writes it, to the byte: clients compare, and caches are keyed by such bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace server::wire {

enum class JsonStyle : std::uint8_t {
  kCompact,  // json.Marshal
  kPretty,   // json.MarshalIndent by two spaces
};

/// Appends one value to a string, without building a tree first. The caller nests the calls properly.
class JsonWriter {
 public:
  JsonWriter(std::string& out, JsonStyle style) : out_(out), pretty_(style == JsonStyle::kPretty) {}

  void BeginObject() { Begin('{'); }
  void EndObject() { End('}'); }
  void BeginArray() { Begin('['); }
  void EndArray() { End(']'); }

  void Key(std::string_view name);

  void String(std::string_view value);
  void Int(std::int64_t value);
  void Bool(bool value);
  void Null();

  void Member(std::string_view name, std::string_view value) {
    Key(name);
    String(value);
  }

 private:
  void Begin(char bracket);
  void End(char bracket);
  void BeforeValue();
  void NewLine();

  std::string& out_;
  const bool pretty_;
  std::size_t depth_ = 0;
  bool first_ = true;       // Nothing is written yet at this depth.
  bool after_key_ = false;  // The next value belongs to the key before it.
};

}  // namespace server::wire
