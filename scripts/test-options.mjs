// What the words after `npm test --` ask for.
import { parseArgs } from 'node:util'
import { Refusal } from './console.mjs'

/** `{ filters, wantsNode, wantsNative, scale }`; throws for what is no option or no such number. */
export function testOptions(words, env) {
  const { values, positionals } = parseArgs({
    args: words,
    allowPositionals: true,
    options: { 'ts-only': { type: 'boolean' }, 'native-only': { type: 'boolean' }, scale: { type: 'string' } },
  })
  return {
    filters: positionals, wantsNode: !values['native-only'], wantsNative: !values['ts-only'],
    scale: scaleOf('--scale', values.scale) ?? scaleOf('STRATACACHE_TEST_SCALE', env.STRATACACHE_TEST_SCALE) ?? 1,
  }
}

function scaleOf(name, given) {
  if (given === undefined || given === '') return undefined
  if (/^[1-9]\d{0,4}$/.test(given)) return Number(given)
  throw new Refusal(`${name} must be a whole number from 1 to 99999, got ${JSON.stringify(given)}`)
}
