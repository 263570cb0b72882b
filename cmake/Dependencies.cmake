# Every library comes from the distribution. Debian 12 and 13 ship different versions and different CMake packages, so
# those without a stable CMake package are found through pkg-config.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(RapidJSON REQUIRED CONFIG)
find_package(CLI11 REQUIRED CONFIG)
find_package(spdlog REQUIRED CONFIG)
find_package(prometheus-cpp REQUIRED CONFIG)
# 0.11 (Debian 12) to 0.18 (Debian 13): the pkg-config file carries the definitions the library was compiled with.
pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
pkg_check_modules(HIREDIS REQUIRED IMPORTED_TARGET hiredis)
pkg_check_modules(YAML_CPP REQUIRED IMPORTED_TARGET yaml-cpp)
if(BUILD_TESTING)
  find_package(Catch2 REQUIRED CONFIG)  # 2 or 3; test/support/catch.h hides the difference
endif()
