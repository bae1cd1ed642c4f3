import { describe, expect, test } from "vitest";
import { instantOf } from "../../src/import/record.ts";

describe("a moment", () => {
  test.each([
    ["2026-09-02T10:41:18Z", 1_788_345_678],
    ["2026-09-02T12:41:18+02:00", 1_788_345_678],
    ["2026-09-02T05:11:18-05:30", 1_788_345_678],
    ["2026-09-02t10:41:18.999999999z", 1_788_345_678],
    ["2026-09-02 10:41:18Z", 1_788_345_678],
    ["2024-02-29T00:00:00Z", 1_709_164_800],
    ["2016-12-31T23:59:60Z", 1_483_228_800],
    ["9999-12-31T23:59:59Z", 253_402_300_799],
    [1_788_345_678, 1_788_345_678],
  ])("%s is understood", (given, seconds) => {
    expect(instantOf(given)).toEqual({ seconds });
  });

  test.each([
    ["2026-02-30T00:00:00Z", "invalid_time"],
    ["2025-02-29T00:00:00Z", "invalid_time"],
    ["2026-13-01T00:00:00Z", "invalid_time"],
    ["2026-00-10T00:00:00Z", "invalid_time"],
    ["2026-09-02T24:00:00Z", "invalid_time"],
    ["2026-09-02T10:60:00Z", "invalid_time"],
    ["2026-09-02T10:41:61Z", "invalid_time"],
    ["2026-09-02T10:41:18+24:00", "invalid_time"],
    ["2026-09-02T10:41:18", "invalid_time"],
    ["2026-09-02", "invalid_time"],
    ["1788345678", "invalid_time"],
    ["yesterday", "invalid_time"],
    ["", "invalid_time"],
    [" 2026-09-02T10:41:18Z", "invalid_time"],
    ["0050-01-01T00:00:00Z", "time_out_of_range"],
    ["1969-12-31T23:59:59Z", "time_out_of_range"],
    [1_788_345_678_000, "time_out_of_range"],
    [0, "time_out_of_range"],
    [-5, "time_out_of_range"],
    [1.5, "wrong_type"],
    [Number.NaN, "wrong_type"],
    [true, "wrong_type"],
    [null, "wrong_type"],
    [{}, "wrong_type"],
  ])("%s is refused as %s", (given, fault) => {
    expect(instantOf(given)).toEqual({ fault });
  });
});
