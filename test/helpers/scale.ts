/** Multiplies the counts of the long tests: STRATACACHE_TEST_SCALE=10 for a night. The runner's deadlines grow with it. */
export const scale = Math.max(1, Number(process.env['STRATACACHE_TEST_SCALE'] ?? 1))
