// Writes docs/options.md from the schema of the options; with --check only says whether it is current.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const page = fileURLToPath(new URL('../docs/options.md', import.meta.url))
const require = createRequire(import.meta.url)
const { OPTIONS } = require('../dist/src/options/schema.js')
const { PRESETS } = require('../dist/src/options/presets.js')
const { IGNORED, REFUSED } = require('../dist/src/l2/connection-spec.js')
const { variableOf } = require('../dist/src/options/environment.js')

const LEVELS = [
  ['cache', '`createCache(options)`', 'Also the defaults of every namespace and call.'],
  ['namespace', '`cache.namespace(name, options)`', 'Over those of the cache or namespace above.'],
  ['getOrSet', '`getOrSet(key, factory, options)`, `getOrSet({ key, factory, ...options })`, `wrap(key, factory, options)`', 'Over those of the namespace. Instead of options a bare ttl will do.'],
  ['get', '`get(key, options)`, `getSync(key, options)`, `getEntry(key, options)`, `getMany(keys, options)`', 'Over those of the namespace.'],
  ['batch', '`batcher(factory, options)`, `getOrSet({ key, factory, batch: options })`', 'A batcher takes those of `getOrSet` as well. `batch: true` takes the defaults.'],
  ['set', '`set(key, value, options)`, `setMany([{ key, value, ...options }])`', 'Over those of the namespace. Instead of options a bare ttl will do.'],
  ['warm', '`warm(source, options)`', 'Those of `getOrSet` as well, for all entries, and `factory`.'],
  ['hot', '`hotKeys(options)`, `exportHot(path, options)`', 'Of this namespace and those below.'],
  ['importHot', '`importHot(path, options)`', ''],
  ['ready', '`cache.ready(options)`', ''],
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

const redis = [
  '## Options of ioredis', '',
  'Of a URL, of options or of an instance that is given as `redis`, what says where the server is, who the user is and how the connection is encrypted is taken; connections of the cache\'s own are made with it. User, password and TLS of a URL in `cluster.nodes` are those of all connections to the Cluster. `unix://user:password@/path` names a socket. What would not be heeded and be missed is refused:', '',
  '| option | use in its place |', '|---|---|',
  ...Object.entries(REFUSED).map(([name, { instead, isOfCallers }]) => `| \`${name}\`${isOfCallers ? ' (not of an instance, which has it for other callers)' : ''} | ${instead} |`), '',
  `Ignored, since the cache decides it by itself or has no use for it: ${IGNORED.map((name) => `\`${name}\``).join(', ')}.`, '',
].join('\n')

const environment = [
  '## Environment', '',
  `What \`createCache\` is not given is taken from the environment, before the preset: the variable of \`averageEntryBytes\` is \`${variableOf('averageEntryBytes')}\`, that of the field \`hardTimeout\` of \`l2\` is \`${variableOf('l2.hardTimeout')}\`. \`true\`, \`false\`, \`Infinity\` and numbers are read as such, and what begins with \`{\` as JSON; an array is its parts with commas between (\`STRATACACHE_SKIP=l0,l2\`); everything else is text. A bad value is refused by the name of its variable; a variable that names no option is told to \`logger\`. Options that are functions or objects with methods have no variable. \`STRATACACHE_L1=process\` chooses the table within the process.`, '',
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
  redis,
  environment,
].join('\n')

if (!process.argv.includes('--check')) {
  writeFileSync(page, text)
} else if (readFileSync(page, 'utf8') !== text) {
  console.error('docs/options.md is stale: run node scripts/options-doc.mjs')
  process.exitCode = 1
}
