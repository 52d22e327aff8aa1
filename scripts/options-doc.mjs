// Writes docs/options.md from the schema of the options; with --check only says whether it is current.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const page = fileURLToPath(new URL('../docs/options.md', import.meta.url))
const { OPTIONS } = createRequire(import.meta.url)('../dist/src/options/schema.js')

const LEVELS = [
  ['cache', '`createCache(options)`', 'Also the defaults of every namespace and call.'],
  ['namespace', '`cache.namespace(name, options)`', 'Over those of the cache or namespace above.'],
  ['getOrSet', '`getOrSet(key, factory, options)`, `getOrSet({ key, factory, ...options })`, `wrap(key, factory, options)`', 'Over those of the namespace. Instead of options a bare ttl will do.'],
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

const text = [
  '# Options',
  '',
  'Generated from `src/options/schema.ts` by `node scripts/options-doc.mjs`; do not edit.',
  '',
  'A duration is a number of milliseconds or text with a unit: `ms`, `s`, `m`, `h`, `d`, `w`. A size is a number of bytes or text with a unit: `kb`, `mb`, `gb`, `tb`, in powers of 1024. An unknown option is refused, with the name that was probably meant.',
  '',
  ...LEVELS.map(section),
].join('\n')

if (!process.argv.includes('--check')) {
  writeFileSync(page, text)
} else if (readFileSync(page, 'utf8') !== text) {
  console.error('docs/options.md is stale: run node scripts/options-doc.mjs')
  process.exitCode = 1
}
