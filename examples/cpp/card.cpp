#include "card.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "failure.h"

using nlohmann::json;

namespace {

constexpr size_t kLargestCard = 1 << 20;  // bytes
constexpr size_t kMost = 10'000'000;  // largest size in a card, so that damage cannot exhaust memory

size_t count(const json& value) {
  if (!value.is_number_unsigned() || value < 1 || value > kMost)
    throw std::invalid_argument("has an invalid size: " + value.dump());
  return value;
}

Card parse(const json& entries, const std::string& folder) {
  if (entries.at("format") != 1)
    throw std::invalid_argument("has another format version; use the host from that package");
  if (entries.at("batch") != 1)
    throw std::invalid_argument("has a batch of several streams; export it with --batch 1");
  Card card;
  for (const json& label : entries.at("labels")) card.labels.push_back(label.at("name"));
  if (card.labels.empty()) throw std::invalid_argument("has no labels");
  card.sample_rate = count(entries.at("sample_rate"));
  card.hop = count(entries.at("hop").at("samples"));
  card.hop_seconds = entries.at("hop").at("seconds");
  card.window = count(entries.at("window"));
  card.state = count(entries.at("state"));
  if (card.window < card.hop) throw std::invalid_argument("has a window shorter than its hop");
  const json& limits = entries.at("thresholds");
  card.thresholds = {limits.at("unsure"), limits.at("music"),     limits.at("silence"),
                     limits.at("margin"), limits.at("smoothing"), limits.at("hold")};
  for (const json& variant : entries.at("variants"))
    card.variants.push_back(
        {variant.at("file"), variant.at("sha256"), variant.value("test_difference", 0.0)});
  const json& test = entries.at("test");
  const auto path = [&](const char* name) {
    const std::string file = test.at(name).at("file");
    if (file.find("..") != std::string::npos || file.rfind('/', 0) == 0)
      throw std::invalid_argument("names a file outside the package");
    return folder + "/" + file;
  };
  card.test = {count(test.at("steps")), path("samples"), path("probabilities"), path("music")};
  return card;
}

}  // namespace

std::string read_file(const std::string& path, size_t most) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  for (char block[4096]; file.read(block, sizeof block) || file.gcount();) {
    text.append(block, file.gcount());
    if (text.size() > most) throw Failure(kBadModel, path + ": is too large");
  }
  if (text.empty()) throw Failure(kBadModel, path + ": is missing, empty or cannot be read");
  return text;
}

Card read_card(const std::string& folder) {
  const std::string path = folder + "/card.json";
  const std::string text = read_file(path, kLargestCard);
  try {
    return parse(json::parse(text), folder);
  } catch (const std::exception& error) {  // of the JSON reader, or of parse
    throw Failure(kBadModel, path + ": " + error.what());
  }
}

const Variant& variant_of(const Card& card, const std::string& file) {
  std::string known;
  for (const Variant& variant : card.variants) {
    if (variant.file == file) return variant;
    known += (known.empty() ? "" : ", ") + variant.file;
  }
  throw Failure(kBadModel, "card.json lists no " + file + "; it has: " + known);
}

std::string default_model(const Card& card) {
  for (const Variant& variant : card.variants)
    if (variant.file == "model.int8.onnx") return variant.file;
  return "model.onnx";
}
