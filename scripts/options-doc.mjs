// Writes docs/options.md from the schema of the options; with --check only says whether it is current.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const page = fileURLToPath(new URL('../docs/options.md', import.meta.url))
const require = createRequire(import.meta.url)
const { OPTIONS } = require('../dist/src/options/schema.js')
const { PRESETS } = require('../dist/src/options/presets.js')
const { variableOf } = require('../dist/src/options/environment.js')

const LEVELS = [
  ['cache', '`createCache(options)`', 'Also the defaults of every namespace and call.'],
  ['namespace', '`cache.namespace(name, options)`', 'Over those of the cache or namespace above.'],
  ['getOrSet', '`getOrSet(key, factory, options)`, `getOrSet({ key, factory, ...options })`, `wrap(key, factory, options)`', 'Over those of the namespace. Instead of options a bare ttl will do.'],
  ['batch', '`batcher(factory, options)`, `getOrSet({ key, factory, batch: options })`', 'A batcher takes those of `getOrSet` as well. `batch: true` takes the defaults.'],
  ['set', '`set(key, value, options)`, `setMany([{ key, value, ...options }])`', 'Over those of the namespace. Instead of options a bare ttl will do.'],
  ['touch', '`touch(key, options)`', 'Over those of the namespace. Instead of options a bare ttl will do.'],
]

const cell = (text) => text.replaceAll('|', '\\|')
const code = (text) => (/^['{\d]|^(true|false)$/.test(text) ? `\`${text}\`` : text)

function section([level, title, note]) {
  const rows = Object.entries(OPTIONS)
    .filter(([, spec]) => spec.levels.includes(level))
    .map(([name, spec]) => {
      const shown = level === 'cache' || !OPTIONS[name].levels.includes('cache') ? code(spec.shownDefault) : 'that of the level above'
      return `| \`${name}\` | ${cell(code(spec.type))} | ${cell(shown)} | ${cell(spec.doc)} |`
    })
  return [`## ${title}`, '', note, '', '| option | type | default | meaning |', '|---|---|---|---|', ...rows, ''].join('\n')
}

const shown = (value) => (typeof value === 'object' ? `{ ${Object.entries(value).map(([name, field]) => `${name}: ${shown(field)}`).join(', ')} }` : typeof value === 'string' ? `'${value}'` : String(value))

const presets = [
  '## Presets', '',
  'Other defaults for a kind of use: `createCache({ preset: \'production\' })`. Whatever else is given stands over them.', '',
  '| preset | stands for |', '|---|---|',
  ...Object.entries(PRESETS).map(([name, options]) => `| \`${name}\` | \`${shown(options)}\` |`), '',
].join('\n')

const environment = [
  '## Environment', '',
  `What \`createCache\` is not given is taken from the environment, before the preset: the variable of \`averageEntryBytes\` is \`${variableOf('averageEntryBytes')}\`, that of the field \`hardTimeout\` of \`l2\` is \`${variableOf('l2.hardTimeout')}\`. \`true\`, \`false\`, \`Infinity\` and numbers are read as such, and what begins with \`{\` as JSON; everything else is text. A bad value is refused by the name of its variable; a variable that names no option is told to \`logger\`. Options that are functions or objects with methods have no variable. \`STRATACACHE_L1=process\` chooses the table within the process.`, '',
].join('\n')

const text = [
  '# Options',
  '',
  'Generated from `src/options/schema.ts` by `node scripts/options-doc.mjs`; do not edit.',
  '',
  'A duration is a number of milliseconds or text with a unit: `ms`, `s`, `m`, `h`, `d`, `w`. A size is a number of bytes or text with a unit: `kb`, `mb`, `gb`, `tb`, in powers of 1024. An unknown option is refused, with the name that was probably meant.',
  '',
  ...LEVELS.map(section),
  presets,
  environment,
].join('\n')

if (!process.argv.includes('--check')) {
  writeFileSync(page, text)
} else if (readFileSync(page, 'utf8') !== text) {
  console.error('docs/options.md is stale: run node scripts/options-doc.mjs')
  process.exitCode = 1
}
