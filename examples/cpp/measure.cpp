#include "measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <random>

#include "failure.h"

namespace {

// Reads `count` little-endian numbers from a file. The processor must be little-endian.
template <typename Number>
std::vector<Number> numbers(const std::string& path, size_t count) {
  const std::string bytes = read_file(path, count * sizeof(Number));
  if (bytes.size() != count * sizeof(Number))
    throw Failure(kBadModel, path + ": its size does not match the card; copy the package again");
  std::vector<Number> read(count);
  std::memcpy(read.data(), bytes.data(), bytes.size());
  return read;
}

}  // namespace

double difference_to_test(const Card& card, Step& step) {
  const size_t steps = card.test.steps, classes = card.labels.size();
  const auto samples = numbers<int16_t>(card.test.samples, steps * card.hop);
  const auto probabilities = numbers<float>(card.test.probabilities, steps * classes);
  const auto music = numbers<float>(card.test.music, steps);
  float* const window = step.samples();
  float* const hop = window + card.window - card.hop;
  double largest = 0;
  const auto compare = [&](float given, float expected) {
    largest = std::max(largest, static_cast<double>(std::abs(given - expected)));
  };
  for (size_t k = 0; k < steps; ++k) {
    for (size_t i = 0; i < card.hop; ++i)
      hop[i] = static_cast<float>(samples[k * card.hop + i]) / 32768;
    step.run();
    compare(step.music(), music[k]);
    for (size_t c = 0; c < classes; ++c)
      compare(step.probabilities()[c], probabilities[k * classes + c]);
    std::copy(window + card.hop, window + card.window, window);
  }
  return largest;
}

Cost cost(const Card& card, Step& step, size_t steps) {
  std::mt19937 random;
  std::uniform_real_distribution<float> noise(-0.1f, 0.1f);
  std::generate(step.samples(), step.samples() + card.window, [&] { return noise(random); });
  std::vector<double> taken(steps);
  for (double& milliseconds : taken) {
    const auto began = std::chrono::steady_clock::now();
    step.run();
    const auto ended = std::chrono::steady_clock::now();
    milliseconds = std::chrono::duration<double, std::milli>(ended - began).count();
  }
  std::sort(taken.begin(), taken.end());
  return {taken[steps / 2], taken[steps * 99 / 100]};
}

Memory memory() {
  Memory found{};
  std::ifstream status("/proc/self/status");
  for (std::string key, line; status >> key && std::getline(status, line);) {
    const auto megabytes = [&] { return std::stod(line) * 1024 / 1e6; };
    if (key == "VmRSS:") found.resident = megabytes();
    if (key == "VmHWM:") found.peak = megabytes();
    if (key == "RssAnon:") found.own = megabytes();
  }
  return found;
}
