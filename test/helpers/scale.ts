/** `npm test -- --scale`, which sets STRATACACHE_TEST_SCALE, multiplies what the long tests do, and their deadlines. */
export const scale = Math.max(1, Math.floor(Number(process.env['STRATACACHE_TEST_SCALE'] ?? 1)) || 1)

export const times = (count: number): number => count * scale
