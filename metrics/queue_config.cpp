#include "metrics/queue_config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "metrics/duration.h"
#include "metrics/go_quote.h"
#include "metrics/label_selector.h"
#include "metrics/nearest_name.h"
#include "metrics/yaml_document.h"

namespace metrics {
namespace {

using Kind = YamlValue::Kind;
using std::chrono::nanoseconds;

/// What may stand in a mapping, and what to do with it.
struct Key {
  std::string_view name;
  std::function<void(const YamlValue&)> read;
};
using Keys = std::vector<Key>;

template <typename Names>
std::string Join(const Names& names, std::string_view separator = ", ") {
  std::string text;
  for (const auto& name : names) text.append(text.empty() ? std::string_view() : separator).append(name);
  return text;
}

const YamlValue* FindKey(const YamlValue& mapping, std::string_view name) {
  for (const auto& [key, value] : mapping.entries) {
    if (key->kind == Kind::kScalar && key->scalar == name) return value.get();
  }
  return nullptr;
}

std::optional<std::int64_t> ParseWhole(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Which layouts have an option of that name.
std::vector<std::string_view> LayoutsWith(std::string_view option) {
  std::vector<std::string_view> names;
  for (const LayoutKind& kind : LayoutKinds()) {
    const auto is_it = [option](const LayoutOption& known) { return known.name == option; };
    if (std::any_of(kind.options.begin(), kind.options.end(), is_it)) names.push_back(kind.name);
  }
  return names;
}

std::optional<QueueRegistry> RegistryOf(const LayoutKind& layout, const LayoutOptions& options) {
  return layout.registry == nullptr ? std::nullopt : std::optional(layout.registry(options));
}

/// Reads the whole file, whatever is wrong with parts of it. Values that are wrong keep their defaults.
class Reader {
 public:
  explicit Reader(RedisInFile redis) : redis_(redis) {}

  std::variant<QueueConfig, std::vector<ConfigProblem>> Read(std::string_view yaml) {
    try {
      ReadFile(*ParseYaml(yaml));
    } catch (const YamlError& error) {
      problems_.push_back({error.line(), error.column(), error.what()});
    }
    if (problems_.empty()) return std::move(config_);
    std::stable_sort(problems_.begin(), problems_.end(), [](const ConfigProblem& a, const ConfigProblem& b) {
      return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    });
    return std::move(problems_);
  }

 private:
  void Wrong(const YamlValue& where, std::string text) {
    problems_.push_back({where.line, where.column, std::move(text)});
  }

  // Pieces of YAML. Each says what is wrong, and returns whether, or what, was right.

  bool IsMapping(const YamlValue& node, const std::string& what) {
    if (node.kind == Kind::kMapping) return true;
    Wrong(node, what + " must be a mapping of keys to values");
    return false;
  }

  bool IsList(const YamlValue& node, const std::string& what, std::string_view example) {
    if (node.kind == Kind::kSequence && !node.items.empty()) return true;
    Wrong(node, what + " must be a list of at least one, such as " + std::string(example));
    return false;
  }

  /// Calls `each` for every key once.
  void ForEachKey(const YamlValue& mapping,
                  const std::function<void(const YamlValue& key, const YamlValue& value)>& each) {
    std::map<std::string_view, int> lines;
    for (const auto& [key, value] : mapping.entries) {
      if (key->kind != Kind::kScalar) {
        Wrong(*key, "a key must be a plain word");
        continue;
      }
      const auto [first, is_new] = lines.emplace(key->scalar, key->line);
      if (is_new) {
        each(*key, *value);
      } else {
        Wrong(*key, GoQuote(key->scalar) + " stands here for the second time; the first is in line " +
                        std::to_string(first->second));
      }
    }
  }

  void ReadKeys(const YamlValue& mapping, const std::string& what, const Keys& keys) {
    ForEachKey(mapping, [&](const YamlValue& key, const YamlValue& value) {
      const auto is_it = [&key](const Key& known) { return known.name == key.scalar; };
      const auto found = std::find_if(keys.begin(), keys.end(), is_it);
      if (found != keys.end()) return found->read(value);
      RejectKey(key, what, keys);
    });
  }

  void RejectKey(const YamlValue& key, const std::string& what, const Keys& keys) {
    std::string text = what + " has no key " + GoQuote(key.scalar);
    std::vector<std::string_view> names;
    for (const Key& known : keys) names.push_back(known.name);
    const auto others = LayoutsWith(key.scalar);
    if (const auto nearest = NearestName(key.scalar, names)) {
      text += "; did you mean " + GoQuote(*nearest) + "?";
    } else if (!others.empty()) {
      text += "; it belongs to the layout " + Join(others, " or ");
    } else {
      text += "; it may have " + Join(names);
    }
    Wrong(key, text);
  }

  /// `what` is the key; `meaning` completes "must be ".
  std::optional<std::string> Text(const YamlValue& node, const std::string& what, const std::string& meaning) {
    if (node.kind == Kind::kScalar && !node.scalar.empty()) return node.scalar;
    Wrong(node, what + " must be " + meaning);
    return std::nullopt;
  }

  void SetText(const YamlValue& node, const std::string& what, const std::string& meaning, std::string& target) {
    if (auto text = Text(node, what, meaning)) target = *std::move(text);
  }

  std::optional<std::int64_t> Whole(const YamlValue& node, const std::string& what, std::int64_t smallest,
                                    std::int64_t largest, const std::string& meaning) {
    const auto number = node.kind == Kind::kScalar ? ParseWhole(node.scalar) : std::nullopt;
    if (number && *number >= smallest && *number <= largest) return number;
    Wrong(node, Named(node, what) + " must be " + meaning);
    return std::nullopt;
  }

  std::optional<nanoseconds> Duration(const YamlValue& node, const std::string& what, nanoseconds smallest,
                                      nanoseconds largest, const std::string& meaning) {
    if (node.kind == Kind::kScalar) {
      const auto parsed = ParseDuration(node.scalar);
      const auto* duration = std::get_if<nanoseconds>(&parsed);
      if (duration != nullptr && *duration >= smallest && *duration <= largest) return *duration;
    }
    Wrong(node, Named(node, what) + " must be a duration " + meaning);
    return std::nullopt;
  }

  /// The key with the value that is wrong, if it can be shown.
  static std::string Named(const YamlValue& node, const std::string& what) {
    return node.kind == Kind::kScalar ? what + " " + GoQuote(node.scalar) : what;
  }

  // The file.

  void ReadFile(const YamlValue& root) {
    if (root.kind == Kind::kNull) return Wrong(root, "the file is empty; it must have at least \"queues\"");
    if (!IsMapping(root, "the file")) return;
    const YamlValue* queues = nullptr;
    const YamlValue* defaults = nullptr;
    bool has_sources = false;
    ReadKeys(root, "the file",
             {{"redis",
               [&](const YamlValue& node) {
                 has_sources = true;
                 if (redis_ == RedisInFile::kMustNot) Wrong(node, "names its own \"redis\", so leave out --redis-url");
                 ReadSources(node);
               }},
              {"defaults", [&](const YamlValue& node) { defaults = &node; }},
              {"queues", [&](const YamlValue& node) { queues = &node; }}});
    if (!has_sources) source_names_.emplace(kDefaultSource);
    if (!has_sources && redis_ == RedisInFile::kMust) {
      Wrong(root, "must have \"redis\" where there is no --redis-url");
    }
    // Whatever the order in the file, a queue needs to know the sources and the defaults.
    if (defaults != nullptr && IsMapping(*defaults, "defaults")) {
      ReadSettings(*defaults, "defaults", SettingKeys(defaults_), defaults_);
    }
    default_layout_ = MakeLayout(defaults_);
    if (queues == nullptr) return Wrong(root, "the file must have \"queues\", a list of at least one");
    if (!IsList(*queues, "queues", "[{name: jobs}]")) return;
    config_.queues.reserve(queues->items.size());
    for (const YamlPtr& item : queues->items) ReadQueue(*item);
  }

  // Redis.

  void ReadSources(const YamlValue& node) {
    if (node.kind != Kind::kMapping || node.entries.empty()) {
      return Wrong(node,
                   "redis must be a mapping of at least one name to what it is, such as main: {url: "
                   "\"redis://redis-service:6379\"}");
    }
    ForEachKey(node, [this](const YamlValue& key, const YamlValue& value) {
      source_names_.insert(key.scalar);
      if (key.scalar.empty() || !IsLabelValue(key.scalar)) {
        Wrong(key, "the name " + GoQuote(key.scalar) + " of a Redis must be the value of a label: " + kLabelValueRule);
      }
      ReadSource(key.scalar, value);
    });
    std::sort(config_.sources.begin(), config_.sources.end(),
              [](const SourceConfig& a, const SourceConfig& b) { return a.name < b.name; });
  }

  void ReadSource(const std::string& name, const YamlValue& node) {
    const std::string what = "the Redis " + GoQuote(name);
    if (!IsMapping(node, what)) return;
    SourceConfig source{.name = name, .servers = {}, .credentials = {}, .tls = {}};
    bool tls_by_url = false;
    Keys keys = CredentialKeys(source.credentials);
    keys.insert(keys.begin(),
                {{"url", [&](const YamlValue& value) { tls_by_url = ReadUrl(value, source); }},
                 {"sentinel", [&](const YamlValue& value) { source.servers = ReadSentinel(value); }},
                 {"cluster", [&](const YamlValue& value) { source.servers = ReadCluster(value); }},
                 {"tls", [&](const YamlValue& value) { source.tls = ReadTls(value); }},
                 {"protocol",
                  [&](const YamlValue& value) {
                    const auto version = Whole(value, "protocol", 2, 3, "2 or 3: the version of RESP that is spoken");
                    if (version) source.protocol = static_cast<redis::Protocol>(*version);
                  }},
                 {"timeout", [&](const YamlValue& value) {
                    const auto timeout = Duration(value, "timeout", std::chrono::milliseconds(1),
                                                  std::chrono::seconds(30), "from 1ms to 30s, such as 1s");
                    if (timeout) source.timeout = std::chrono::ceil<std::chrono::milliseconds>(*timeout);
                  }}});
    ReadKeys(node, what, keys);
    const YamlValue* url = FindKey(node, "url");
    const auto kinds = (url != nullptr ? 1 : 0) + (FindKey(node, "sentinel") != nullptr ? 1 : 0) +
                       (FindKey(node, "cluster") != nullptr ? 1 : 0);
    if (kinds != 1) Wrong(node, what + " must have exactly one of url, sentinel and cluster");
    if (url != nullptr && source.tls && !tls_by_url) {
      Wrong(*url, "url must begin with rediss:// when there is \"tls\"");
    }
    if (tls_by_url && !source.tls) source.tls = redis::TlsOptions();
    if (auto* watched = std::get_if<SentinelServers>(&source.servers); watched != nullptr && !watched->sentinel_tls) {
      watched->sentinel_tls = source.tls;
    }
    config_.sources.push_back(std::move(source));
  }

  /// Returns whether it asks for TLS. Never quotes the URL: any part of it may be a misplaced password.
  bool ReadUrl(const YamlValue& node, SourceConfig& source) {
    constexpr std::string_view kTls = "rediss://";
    const auto url =
        Text(node, "url", "redis://HOST[:PORT][/DATABASE], rediss:// for TLS, or unix:///PATH[?db=DATABASE]");
    if (!url) return false;
    const bool is_tls = url->starts_with(kTls);
    try {
      const auto parsed = redis::ParseRedisUrl(is_tls ? "redis://" + url->substr(kTls.size()) : *url);
      source.servers = parsed.endpoint;
      if (parsed.credentials) {
        Wrong(node,
              "url must not hold credentials, which everybody could read here; use usernameFile and passwordFile");
      }
    } catch (const redis::RedisUrlError& error) {
      Wrong(node, std::string("url: ") + error.what());
    }
    return is_tls;
  }

  Keys CredentialKeys(CredentialFiles& files) {
    return {{"usernameFile",
             [this, &files](const YamlValue& value) {
               SetText(value, "usernameFile", "the path of a file that holds the user's name", files.username_file);
             }},
            {"passwordFile", [this, &files](const YamlValue& value) {
               SetText(value, "passwordFile", "the path of a file that holds the password", files.password_file);
             }}};
  }

  SentinelServers ReadSentinel(const YamlValue& node) {
    SentinelServers servers;
    if (!IsMapping(node, "sentinel")) return servers;
    constexpr std::uint16_t kPort = 26379;
    Keys keys = CredentialKeys(servers.sentinel_credentials);
    keys.insert(keys.begin(),
                {{"master",
                  [&](const YamlValue& value) {
                    SetText(value, "master", "the name that the Sentinels give the master, such as mymaster",
                            servers.master);
                  }},
                 {"addresses",
                  [&](const YamlValue& value) {
                    servers.sentinels = ReadAddresses(value, kPort, "[\"sentinel-0:26379\", \"sentinel-1:26379\"]");
                  }},
                 {"tls", [&](const YamlValue& value) { servers.sentinel_tls = ReadTls(value); }},
                 {"database", [&](const YamlValue& value) {
                    const auto database =
                        Whole(value, "database", 0, std::numeric_limits<std::int32_t>::max(), "a number from 0");
                    if (database) servers.database = static_cast<std::uint32_t>(*database);
                  }}});
    ReadKeys(node, "sentinel", keys);
    Need(node, "sentinel", "master");
    Need(node, "sentinel", "addresses");
    return servers;
  }

  ClusterServers ReadCluster(const YamlValue& node) {
    ClusterServers servers;
    if (!IsMapping(node, "cluster")) return servers;
    constexpr std::uint16_t kPort = 6379;
    ReadKeys(node, "cluster", {{"addresses", [&](const YamlValue& value) {
                                  servers.seeds = ReadAddresses(value, kPort, "[\"redis-0:6379\", \"redis-1:6379\"]");
                                }}});
    Need(node, "cluster", "addresses");
    return servers;
  }

  std::vector<redis::RedisEndpoint> ReadAddresses(const YamlValue& node, std::uint16_t default_port,
                                                  std::string_view example) {
    std::vector<redis::RedisEndpoint> endpoints;
    if (!IsList(node, "addresses", example)) return endpoints;
    for (const YamlPtr& item : node.items) {
      const auto address = Text(*item, "an address", "HOST or HOST:PORT");
      if (!address) continue;
      if (auto endpoint = ParseAddress(*address, default_port)) {
        endpoints.push_back(*std::move(endpoint));
      } else {
        // With an '@' it may hold a password.
        const bool may_show = address->find('@') == std::string::npos;
        Wrong(*item, (may_show ? "the address " + GoQuote(*address) : "an address") +
                         " must be HOST or HOST:PORT, an IPv6 address in brackets");
      }
    }
    return endpoints;
  }

  static std::optional<redis::RedisEndpoint> ParseAddress(const std::string& text, std::uint16_t default_port) {
    if (text.find_first_of("@/?#%") != std::string::npos) return std::nullopt;
    try {
      auto endpoint = redis::ParseRedisUrl("redis://" + text).endpoint;
      if (text.find(':', text.rfind(']') + 1) == std::string::npos) endpoint.port = default_port;
      return endpoint;
    } catch (const redis::RedisUrlError&) {
      return std::nullopt;
    }
  }

  redis::TlsOptions ReadTls(const YamlValue& node) {
    redis::TlsOptions tls;
    if (!IsMapping(node, "tls")) return tls;
    const auto file = [this](std::string_view key, const std::string& holds, std::string& target) {
      return Key{key, [this, key, holds, &target](const YamlValue& value) {
                   SetText(value, std::string(key), "the path of a PEM file with " + holds, target);
                 }};
    };
    ReadKeys(node, "tls",
             {file("caFile", "the CAs that vouch for Redis", tls.ca_file),
              file("certFile", "the client certificate", tls.certificate_file),
              file("keyFile", "the key of certFile", tls.key_file),
              {"keyPasswordFile",
               [&](const YamlValue& value) {
                 SetText(value, "keyPasswordFile", "the path of a file that holds the password of keyFile",
                         tls.key_password_file);
               }},
              {"serverName",
               [&](const YamlValue& value) {
                 SetText(value, "serverName", "the name that the certificate of Redis is for", tls.server_name);
               }},
              {"verify", [&](const YamlValue& value) { ReadVerify(value, tls); }}});
    if ((FindKey(node, "certFile") == nullptr) != (FindKey(node, "keyFile") == nullptr)) {
      Wrong(node, "tls must have both of certFile and keyFile, or neither");
    }
    if (FindKey(node, "keyPasswordFile") != nullptr) Need(node, "tls with keyPasswordFile", "keyFile");
    return tls;
  }

  void ReadVerify(const YamlValue& node, redis::TlsOptions& tls) {
    using Verify = redis::TlsOptions::Verify;
    constexpr std::array<std::pair<std::string_view, Verify>, 3> kChoices{
        {{"chain-and-name", Verify::kChainAndName}, {"chain", Verify::kChain}, {"nothing", Verify::kNothing}}};
    for (const auto& [name, verify] : kChoices) {
      if (node.kind == Kind::kScalar && node.scalar == name) {
        tls.verify = verify;
        return;
      }
    }
    Wrong(node, Named(node, "verify") + " must be chain-and-name, chain or nothing");
  }

  void Need(const YamlValue& node, const std::string& what, std::string_view key) {
    if (FindKey(node, key) == nullptr) Wrong(node, what + " must have " + GoQuote(key));
  }

  // Queues.

  /// The keys that `defaults` may have too.
  Keys SettingKeys(QueueSettings& settings) {
    return {{"redis", [this, &settings](const YamlValue& value) { ReadRedisName(value, settings); }},
            {"layout", [](const YamlValue&) {}},  // Read before the others, which depend on it.
            {"namespaces", [this, &settings](const YamlValue& value) { ReadNamespaces(value, settings); }},
            {"labels", [this, &settings](const YamlValue& value) { ReadLabels(value, settings); }},
            {"onError", [this, &settings](const YamlValue& value) { ReadErrorPolicy(value, settings); }},
            {"maxAge", [this, &settings](const YamlValue& value) {
               const auto age = Duration(value, "maxAge", std::chrono::milliseconds(1), std::chrono::minutes(5),
                                         "from 1ms to 5m, such as 2s");
               if (age) settings.max_age = *age;
             }}};
  }

  void ReadSettings(const YamlValue& node, const std::string& what, Keys keys, QueueSettings& settings) {
    const LayoutKind* kind = ReadLayoutName(node, settings);
    if (kind == nullptr) {
      // Which options are right cannot be told; that the layout is not known has been.
      for (const LayoutKind& any : LayoutKinds()) {
        for (const LayoutOption& option : any.options) keys.push_back({option.name, [](const YamlValue&) {}});
      }
    } else {
      for (const LayoutOption& option : kind->options) {
        keys.push_back({option.name, [this, &option, &settings](const YamlValue& value) {
                          ReadLayoutOption(value, option, settings);
                        }});
      }
    }
    ReadKeys(node, what, keys);
  }

  /// Nothing if it is not known.
  const LayoutKind* ReadLayoutName(const YamlValue& node, QueueSettings& settings) {
    const YamlValue* name = FindKey(node, "layout");
    if (name == nullptr) return FindLayoutKind(settings.layout_name);
    const auto text = Text(*name, "layout", "one of " + LayoutNames());
    const LayoutKind* kind = text ? FindLayoutKind(*text) : nullptr;
    if (kind != nullptr) {
      if (settings.layout_name != *text) settings.layout_options = {};
      settings.layout_name = *text;
    } else if (text) {
      std::vector<std::string_view> names;
      for (const LayoutKind& known : LayoutKinds()) names.push_back(known.name);
      const auto nearest = NearestName(*text, names);
      Wrong(*name, "there is no layout " + GoQuote(*text) +
                       (nearest ? "; did you mean " + GoQuote(*nearest) + "?" : "; there are " + LayoutNames()));
    }
    return kind;
  }

  /// Those of the layout that others need. Where the defaults have these, a queue may have what they need.
  void NeedOptions(const YamlValue& node, const QueueSettings& settings) {
    for (const LayoutOption& option : FindLayoutKind(settings.layout_name)->options) {
      const auto has = [&settings](std::string_view name) {
        return !settings.layout_options.Find<std::string>(name).value_or("").empty();
      };
      if (option.needed_option.empty() || !has(option.name) || has(option.needed_option)) continue;
      const YamlValue* const value = FindKey(node, option.name);
      Wrong(value != nullptr ? *value : node,
            std::string(option.name) + " means nothing without " + GoQuote(option.needed_option));
    }
  }

  void ReadLayoutOption(const YamlValue& node, const LayoutOption& option, QueueSettings& settings) {
    const std::string name(option.name);
    const std::string meaning(option.meaning);
    switch (option.type) {
      case LayoutOption::Type::kText:
        if (node.kind != Kind::kScalar) return Wrong(node, name + " must be " + meaning);
        if (IsChoice(node, option) && HasPlaces(node, option)) settings.layout_options.Set(name, node.scalar);
        return;
      case LayoutOption::Type::kFlag:
        if (node.kind == Kind::kScalar && (node.scalar == "true" || node.scalar == "false")) {
          settings.layout_options.Set(name, node.scalar == "true");
        } else {
          Wrong(node, Named(node, name) + " must be true or false: " + meaning);
        }
        return;
      case LayoutOption::Type::kTexts: {
        LayoutOptions::Texts texts;
        if (!IsItems(node, name, option)) return;
        for (const YamlPtr& item : node.items) {
          auto text = Text(*item, name, meaning);
          if (text && HasPlaces(*item, option) && IsNew(*item, name, *text, texts)) texts.push_back(*std::move(text));
        }
        settings.layout_options.Set(name, std::move(texts));
        return;
      }
      case LayoutOption::Type::kNumbers: {
        LayoutOptions::Numbers numbers;
        if (!IsItems(node, name, option)) return;
        for (const YamlPtr& item : node.items) {
          const auto number = Whole(*item, name, 0, std::numeric_limits<std::int64_t>::max(), meaning);
          if (number && IsNew(*item, name, *number, numbers)) numbers.push_back(*number);
        }
        settings.layout_options.Set(name, std::move(numbers));
        return;
      }
    }
  }

  bool IsChoice(const YamlValue& node, const LayoutOption& option) {
    const auto& choices = option.choices;
    if (choices.empty() || std::find(choices.begin(), choices.end(), node.scalar) != choices.end()) return true;
    Wrong(node, Named(node, std::string(option.name)) + " must be one of " + Join(choices));
    return false;
  }

  /// What is listed twice would be counted twice.
  template <typename Value>
  bool IsNew(const YamlValue& node, const std::string& name, const Value& value, const std::vector<Value>& before) {
    if (std::find(before.begin(), before.end(), value) == before.end()) return true;
    Wrong(node, name + " has " + GoQuote(node.scalar) + " twice");
    return false;
  }

  /// A misspelt one would be the name of a key that nobody uses, and its queue empty.
  bool HasPlaces(const YamlValue& node, const LayoutOption& option) {
    const std::string& text = node.scalar;
    const auto has = [&text](std::string_view place) { return text.find(place) != std::string::npos; };
    if (option.places.empty() || text.empty()) return true;
    if (!option.needed_place.empty() && !has(option.needed_place)) {
      Wrong(node, Named(node, std::string(option.name)) + " must have " + std::string(option.needed_place) + " in it");
      return false;
    }
    const bool has_any = std::any_of(option.places.begin(), option.places.end(), has);
    for (std::size_t end = text.find('}'); end != std::string::npos; end = text.find('}', end + 1)) {
      const std::size_t begin = text.rfind('{', end);
      if (begin == std::string::npos) continue;
      const std::string place = text.substr(begin, end + 1 - begin);
      if (std::find(option.places.begin(), option.places.end(), place) != option.places.end()) continue;
      // Any other may be the hash tag of a cluster, above all beside one that is right.
      const auto nearest = has_any ? std::nullopt : NearestName(place, option.places);
      if (!nearest && place != "{worker}") continue;
      Wrong(node, std::string(option.name) + " cannot have " + GoQuote(place) +
                      (nearest ? "; did you mean " + GoQuote(*nearest) + "?" : "; it may have " + Join(option.places)));
      return false;
    }
    return true;
  }

  bool IsItems(const YamlValue& node, const std::string& name, const LayoutOption& option) {
    if (node.kind == Kind::kSequence && (option.may_be_empty || !node.items.empty())) return true;
    Wrong(node, name + " must be " + std::string(option.meaning));
    return false;
  }

  /// For a message: a name that is wrong may hold any bytes.
  std::string SourceNames() const {
    std::vector<std::string> names;
    for (const std::string& name : source_names_) names.push_back(IsLabelValue(name) ? name : GoQuote(name));
    return Join(names);
  }

  void ReadRedisName(const YamlValue& node, QueueSettings& settings) {
    const std::string known = SourceNames();
    const auto name = Text(node, "redis", "one of " + known);
    if (!name) return;
    settings.redis = *name;
    if (source_names_.contains(*name)) return;
    const std::vector<std::string_view> names(source_names_.begin(), source_names_.end());
    const auto nearest = NearestName(*name, names);
    Wrong(node, "there is no Redis " + GoQuote(*name) +
                    (nearest ? "; did you mean " + GoQuote(*nearest) + "?" : "; there is " + known));
  }

  void ReadNamespaces(const YamlValue& node, QueueSettings& settings) {
    if (!IsList(node, "namespaces", "[jobs]; without it, all namespaces may see the queue")) return;
    settings.namespaces.clear();
    for (const YamlPtr& item : node.items) {
      const auto name = Text(*item, "a namespace", "the name of a namespace");
      if (!name) continue;
      if (!IsNamespaceName(*name)) {
        Wrong(*item, "the namespace " + GoQuote(*name) + " must be lower case letters, digits and inner hyphens");
      }
      settings.namespaces.push_back(*name);
    }
  }

  void ReadLabels(const YamlValue& node, QueueSettings& settings) {
    if (!IsMapping(node, "labels")) return;
    settings.labels.clear();
    ForEachKey(node, [&](const YamlValue& key, const YamlValue& value) {
      if (key.scalar == "queue" || key.scalar == "redis") {
        return Wrong(key, "labels must not have " + GoQuote(key.scalar) + ", which the server sets itself");
      }
      if (!IsLabelKey(key.scalar)) {
        Wrong(key,
              "the label " + GoQuote(key.scalar) + " must be letters, digits, '-', '_' and '.', at most 63 of them");
      }
      if (value.kind != Kind::kScalar || !IsLabelValue(value.scalar)) {
        return Wrong(
            value, Named(value, "the value") + " of the label " + GoQuote(key.scalar) + " must be " + kLabelValueRule);
      }
      settings.labels.emplace(key.scalar, value.scalar);
    });
  }

  void ReadErrorPolicy(const YamlValue& node, QueueSettings& settings) {
    settings.on_error = {};
    if (node.kind == Kind::kScalar && node.scalar == "error") return;
    if (node.kind != Kind::kMapping || node.entries.size() != 1) {
      return Wrong(node, Named(node, "onError") + " must be error, {hold: 60s} or {value: 1}");
    }
    ReadKeys(node, "onError",
             {{"hold",
               [&](const YamlValue& value) {
                 settings.on_error.hold = Duration(value, "hold", std::chrono::seconds(1), std::chrono::hours(24),
                                                   "from 1s to 24h, such as 60s");
               }},
              {"value", [&](const YamlValue& value) {
                 settings.on_error.value =
                     Whole(value, "value", 1, std::int64_t{1} << 53U,
                           "a number of jobs from 1; 0 would end the workers of a queue that nobody can see");
               }}});
  }

  void ReadQueue(const YamlValue& node) {
    if (!IsMapping(node, "a queue")) return;
    ConfiguredQueue queue{.name = {}, .name_in_redis = {}, .settings = defaults_, .layout = {}};
    const YamlValue* name = FindKey(node, "name");
    const YamlValue* pattern = FindKey(node, "pattern");
    if ((name == nullptr) == (pattern == nullptr)) {
      Wrong(node, "a queue must have either \"name\" or \"pattern\"");
    }
    queue.is_pattern = name == nullptr;
    Keys keys = SettingKeys(queue.settings);
    keys.insert(keys.begin(), {{"name", [&](const YamlValue& value) { ReadName(value, queue); }},
                               {"pattern", [&](const YamlValue& value) { ReadPattern(value, queue); }},
                               {"nameInRedis", [&](const YamlValue& value) {
                                  SetText(value, "nameInRedis", "the name that the queue has in Redis",
                                          queue.name_in_redis);
                                }}});
    const std::size_t problems_before = problems_.size();
    ReadSettings(node, "a queue", std::move(keys), queue.settings);
    NeedOptions(node, queue.settings);
    if (queue.name_in_redis.empty()) queue.name_in_redis = queue.name;
    const YamlValue& named = name != nullptr ? *name : pattern != nullptr ? *pattern : node;
    if (queue.is_pattern && std::count(queue.name_in_redis.begin(), queue.name_in_redis.end(), '*') != 1 &&
        FindKey(node, "nameInRedis") != nullptr) {
      Wrong(*FindKey(node, "nameInRedis"), "nameInRedis " + GoQuote(queue.name_in_redis) +
                                               " must have one *, which stands for the same as in pattern");
    }
    if (queue.settings.redis.empty()) {
      if (source_names_.size() == 1) {
        queue.settings.redis = *source_names_.begin();
      } else if (!source_names_.empty()) {
        Wrong(named, "the queue " + GoQuote(queue.name) + " must have \"redis\", one of " + SourceNames());
      }
    }
    const auto [first, is_new] = queue_lines_.emplace(std::pair(queue.settings.redis, queue.name), named.line);
    if (!is_new && !queue.name.empty()) {
      Wrong(named, "the queue " + GoQuote(queue.name) + " is configured already, in line " +
                       std::to_string(first->second) + "; give it another name, and this one as nameInRedis");
    }
    if (problems_.size() != problems_before) return;
    const bool is_default = queue.settings.layout_name == defaults_.layout_name &&
                            queue.settings.layout_options == defaults_.layout_options;
    queue.layout = is_default ? default_layout_ : MakeLayout(queue.settings);
    if (queue.is_pattern) {
      queue.registry = RegistryOf(*FindLayoutKind(queue.settings.layout_name), queue.settings.layout_options);
    }
    config_.queues.push_back(std::move(queue));
  }

  void ReadName(const YamlValue& node, ConfiguredQueue& queue) {
    SetText(node, "name", "the name of the queue", queue.name);
    if (!IsLabelValue(queue.name)) {
      Wrong(node, "the name " + GoQuote(queue.name) + " must be " + kLabelValueRule +
                      ", since selectors name it; what it is called in Redis can be told by nameInRedis");
    }
  }

  void ReadPattern(const YamlValue& node, ConfiguredQueue& queue) {
    SetText(node, "pattern", "a name with one *", queue.name);
    if (queue.name.empty()) return;
    const std::size_t star = queue.name.find('*');
    std::string example = queue.name;
    if (star != std::string::npos) example[star] = 'x';
    if (star == std::string::npos || !IsLabelValue(example)) {
      Wrong(node, "the pattern " + GoQuote(queue.name) + " must have one *, and but for that be " + kLabelValueRule);
    }
  }

  static std::shared_ptr<const QueueLayout> MakeLayout(const QueueSettings& settings) {
    return FindLayoutKind(settings.layout_name)->make(settings.layout_options);
  }

  static constexpr const char* kLabelValueRule =
      "letters, digits, '-', '_' and '.', at most 63 of them, the first and last a letter or digit";

  const RedisInFile redis_;
  QueueConfig config_;
  std::vector<ConfigProblem> problems_;
  std::set<std::string, std::less<>> source_names_;
  QueueSettings defaults_;
  std::shared_ptr<const QueueLayout> default_layout_;
  std::map<std::pair<std::string, std::string>, int> queue_lines_;  // By source and name.
};

}  // namespace

bool IsNamespaceName(std::string_view text) {  // An RFC 1123 label.
  const auto is_allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() <= 63 && std::all_of(text.begin(), text.end(), is_allowed) &&
         text.front() != '-' && text.back() != '-';
}

QueueConfig ConfigOfEveryKey(const LayoutKind& layout, std::vector<std::string> namespaces) {
  QueueSettings settings;
  settings.redis = kDefaultSource;
  settings.layout_name = layout.name;
  settings.namespaces = std::move(namespaces);
  return {.sources = {},
          .queues = {{.name = "*",
                      .is_pattern = true,
                      .name_in_redis = "*",
                      .settings = std::move(settings),
                      .layout = layout.make({}),
                      .registry = RegistryOf(layout, {})}}};
}

std::variant<QueueConfig, std::vector<ConfigProblem>> ParseQueueConfig(std::string_view yaml, RedisInFile redis) {
  return Reader(redis).Read(yaml);
}

}  // namespace metrics
