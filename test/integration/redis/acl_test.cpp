// The ACL of each layout, as docs/redis-acl.md tells it: it suffices, and nothing in it is too much.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "test/integration/redis/layout_examples.h"
#include "test/integration/redis/redis_test.h"
#include "test/support/answers.h"
#include "test/support/catch.h"
#include "test/support/redis_server.h"

namespace test {
namespace {

std::vector<std::string> Words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

struct Acl {
  std::vector<std::string> keys;
  std::vector<std::string> commands;
  std::vector<std::string> commands_for_age;

  std::vector<std::string> AllCommands() const {
    std::vector<std::string> all = commands;
    all.insert(all.end(), commands_for_age.begin(), commands_for_age.end());
    return all;
  }
};

/// The cells of a row of a table, without backquotes.
std::vector<std::string> Cells(const std::string& line) {
  std::vector<std::string> cells{""};
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size()) {
      cells.back() += line[++i];
    } else if (line[i] == '|') {
      cells.emplace_back();
    } else if (line[i] != '`') {
      cells.back() += line[i];
    }
  }
  return cells;
}

/// The rows of the document's table, by layout.
std::map<std::string, Acl> DocumentedAcls() {
  std::ifstream document(TEST_DOCS_DIR "/redis-acl.md");
  REQUIRE(document);
  std::map<std::string, Acl> acls;
  for (std::string line; std::getline(document, line);) {
    if (line.rfind("| `", 0) != 0) continue;
    const auto cells = Cells(line);
    const std::string name = cells.at(0).substr(1, cells.at(0).size() - 2);
    acls[name] = {Words(cells.at(1)), Words(cells.at(2)), Words(cells.at(3))};
  }
  return acls;
}

std::string WithQueue(std::string pattern, const std::string& queue) {
  constexpr std::string_view kPlace = "QUEUE";
  for (std::size_t at = 0; (at = pattern.find(kPlace, at)) != std::string::npos; at += queue.size()) {
    pattern.replace(at, kPlace.size(), queue);
  }
  return pattern;
}

/// Makes a user of exactly these rights, in place of the one before.
void MakeUser(RedisServer& server, const LayoutExample& example, const std::vector<std::string>& keys,
              const std::vector<std::string>& commands) {
  const std::string queue = example.name == "huey" ? "myq" : example.queue;
  server.Command({"ACL", "SETUSER", "user", "reset", "on", ">secret"});
  for (const std::string& key : keys) server.Command({"ACL", "SETUSER", "user", WithQueue(key, queue)});
  for (const std::string& command : commands) server.Command({"ACL", "SETUSER", "user", command});
}

TEST_CASE("the ACL in the documentation lets a layout read, and no command of it can be left out", "[redis][layouts]") {
  RedisServer server;
  const auto acls = DocumentedAcls();
  CHECK(acls.size() == LayoutExamples().size());
  for (const LayoutExample& example : LayoutExamples()) {
    INFO(example.name);
    REQUIRE(acls.count(example.name) == 1);
    const Acl& acl = acls.at(example.name);
    server.Command({"FLUSHALL"});
    example.write(server);
    metrics::redis::RedisOptions options{.endpoint = server.endpoint(), .timeout = kLong};
    options.credentials = [] { return metrics::redis::Credentials{"user", "secret"}; };
    const auto read = [&](const metrics::QueueParts& parts) {
      Client client(options);
      return Show({parts.waiting, parts.in_flight, parts.delayed}, Read(client, example.layout, example.queue, parts));
    };
    const metrics::QueueParts all = example.layout->Offers();
    metrics::QueueParts counts = all;
    counts.oldest_age = false;

    MakeUser(server, example, acl.keys, acl.commands);
    CHECK(read(counts) == example.counts);
    CHECK(Client(options).Ask({"EXISTS", "somebody-elses"}).type == Reply::Type::kError);

    MakeUser(server, example, acl.keys, acl.AllCommands());
    CHECK(read(all) == example.counts);
    for (const std::string& left_out : acl.AllCommands()) {
      INFO("without " << left_out);
      std::vector<std::string> rest = acl.AllCommands();
      rest.erase(std::find(rest.begin(), rest.end(), left_out));
      MakeUser(server, example, acl.keys, rest);
      CHECK_THAT(ErrorOf([&] { read(all); }).what(), ContainsText("permissions"));
    }
    for (const std::string& left_out : acl.keys) {
      INFO("without " << left_out);
      std::vector<std::string> rest = acl.keys;
      rest.erase(std::find(rest.begin(), rest.end(), left_out));
      MakeUser(server, example, rest, acl.AllCommands());
      CHECK_THAT(ErrorOf([&] { read(all); }).what(), ContainsText("permissions"));
    }
  }
}

}  // namespace
}  // namespace test
