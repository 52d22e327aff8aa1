/** The seed of this run's random tests, printed so that a failure can be repeated with TEST_SEED. */
export const seed = Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

process.stdout.write(`TEST_SEED=${seed}\n`)
