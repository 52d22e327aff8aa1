/** npm run contrast: puts every cache through every scenario and writes docs/contrast.md. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, versionOf } from '../peers'
import { Unavailable } from '../sub-bench'
import type { Contender } from './contender'
import { CONTENDERS } from './contenders'
import { HOST_SCENARIOS } from './processes'
import { type Scenario, SCENARIOS } from './scenarios'

/** 'yes', what went wrong instead, or '–': the cache has nothing of that kind. */
type Cell = string

const LIMIT_MS = 15_000

export async function judge(contender: string, name: string, { needs = [], knows = [], run }: Scenario): Promise<Cell> {
  let cache: Contender | undefined
  try {
    cache = CONTENDERS[contender]!(name)
    if (needs.some((need) => cache![need] === undefined) || knows.some((term) => !cache!.knows.has(term))) return '–'
    return await verdict(run(cache))
  } catch (error) {
    if (error instanceof Unavailable) return 'not installed'
    throw error
  } finally {
    await cache?.close()
  }
}

export async function verdict(run: Promise<string | undefined>): Promise<Cell> {
  let timer: NodeJS.Timeout
  const late = new Promise<string>((resolve) => { timer = setTimeout(resolve, LIMIT_MS, `nothing within ${LIMIT_MS / 1000} s`) })
  const failed = (error: unknown): string => `fails with ${error instanceof Error ? error.message : String(error)}`
  return Promise.race([run.catch(failed), late]).then((instead) => instead ?? 'yes').finally(() => clearTimeout(timer))
}

async function main(): Promise<void> {
  const contenders = Object.keys(CONTENDERS)
  const rows: { title: string; cells: Cell[] }[] = []
  const total = SCENARIOS.length + HOST_SCENARIOS.length
  const add = async (title: string, ask: (contender: string, name: string) => Promise<Cell>): Promise<void> => {
    const cells: Cell[] = []
    for (const contender of contenders) {
      if (process.stdout.isTTY) process.stdout.write(`\r${`${rows.length + 1}/${total} ${title}: ${contender}`.slice(0, 110).padEnd(110)}`)
      cells.push(await ask(contender, `contrast-${process.pid}-${rows.length}-${contender}`))
    }
    rows.push({ title, cells })
    if (!process.stdout.isTTY) console.log(`${rows.length}/${total} ${title}`)
  }
  for (const scenario of SCENARIOS) await add(scenario.title, (contender, name) => judge(contender, name, scenario))
  for (const { title, run } of HOST_SCENARIOS) await add(title, (contender, name) => verdict(run(contender, name)).finally(() => removeShared(contender, name)))
  if (process.stdout.isTTY) process.stdout.write(`\r${' '.repeat(110)}\r`)
  const page = pageOf(contenders, rows)
  writeFileSync(join(root, 'docs', 'contrast.md'), page)
  console.log(page.slice(page.indexOf('|')))
  console.log(`wrote ${join(root, 'docs', 'contrast.md')}`)
  process.exit(rows.every(({ cells }) => cells[0] === 'yes') ? 0 : 1)
}

/** What the processes of a host scenario left behind. */
async function removeShared(contender: string, name: string): Promise<void> {
  await CONTENDERS[contender]!(name).close()
}

function pageOf(contenders: readonly string[], rows: readonly { title: string; cells: readonly Cell[] }[]): string {
  const mark = (cell: Cell): string => (cell === 'yes' ? '✓' : cell === '–' ? '–' : `✗ ${cell}`)
  return [
    '# Contrast', '',
    'Written by `npm run contrast`: the same scripts (`bench/contrast/scenarios.ts`, `processes.ts`) put to every cache, each as its',
    'documentation says, with its defaults, in memory and without a server. ✓ behaves; ✗ with what it did instead; – it has nothing of',
    'the kind: no set, no value that stands in for a failing source (async-cache-dedupe has `stale`, in whole seconds), no timeout of a',
    'load. Tags are references in async-cache-dedupe and groups, one an entry, in layered-loader; cacheable takes them with `set` alone.', '',
    `Node ${process.versions.node}. ${contenders.slice(1).map((name) => `${name} ${versionOf(name)}`).join(', ')}.`, '',
    `| | ${contenders.join(' | ')} |`,
    `|---|${contenders.map(() => '---|').join('')}`,
    ...rows.map(({ title, cells }) => `| ${title} | ${cells.map(mark).join(' | ')} |`), '',
  ].join('\n')
}

if (require.main === module) void main()
