// Errors that end the program: one line for people, and an exit code for programs.
#pragma once

#include <stdexcept>
#include <string>

enum ExitCode { kDone = 0, kFailed = 1, kUsage = 2, kUnreadable = 3, kBadModel = 5 };

struct Failure : std::runtime_error {
  Failure(ExitCode code, const std::string& what) : std::runtime_error(what), code(code) {}
  ExitCode code;
};
