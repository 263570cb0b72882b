#include "server/http/tls_reloader.h"

#include <utility>

namespace server::http {

TlsReloader::TlsReloader(TlsMaterial current, Hooks hooks)
    : follower_(std::move(current),
                {.load = std::move(hooks.load),
                 .use = [use = std::move(hooks.use)](
                            const TlsMaterial& material) { use(std::make_shared<const TlsContext>(material)); },
                 .report =
                     [report = std::move(hooks.report)](const std::optional<std::string>& problem) {
                       if (problem) {
                         report(*problem);
                       }
                     },
                 .interval = hooks.interval}) {}

}  // namespace server::http
