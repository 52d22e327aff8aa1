/** One page over all results of a folder: every figure to reach, what was measured, and whether it was reached. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FIGURES, type Figure } from './figures'
import { conditionsOf } from './report'
import type { Results } from './outcome'
import { type Table, toMarkdown } from './table'

/** Returns the path written. */
export function writeSummary(folder: string): string {
  const resultsByBench = new Map<string, Results>()
  for (const bench of new Set(FIGURES.map((figure) => figure.bench))) {
    const file = join(folder, `${bench}.json`)
    if (existsSync(file)) resultsByBench.set(bench, JSON.parse(readFileSync(file, 'utf8')) as Results)
  }
  const path = join(folder, 'summary.md')
  writeFileSync(path, page(resultsByBench))
  return path
}

function page(resultsByBench: ReadonlyMap<string, Results>): string {
  const lines = FIGURES.map((figure) => ({ figure, ...judged(figure, resultsByBench.get(figure.bench)) }))
  const count = (answer: string): number => lines.filter((line) => line.answer === answer).length
  const groups = [...new Set(FIGURES.map(({ group }) => group))]
  const tables = groups.map((group): Table => ({
    title: group,
    head: ['figure to reach', 'measured', 'ratio', 'reached?', 'command'],
    rows: lines.filter((line) => line.figure.group === group).map(({ figure, measured, ratio, answer, command }) => [figure.goal, measured, ratio, answer, command]),
  }))
  return [
    '# Figures to reach', '',
    `${count(YES)} reached, ${count(NO)} missed, ${count(UNKNOWN)} not measured. Ratios are medians of the ratios of each round, with the least and the greatest.`,
    'How it is measured: [docs/benchmarks.md](../../docs/benchmarks.md).', '',
    ...tables.map(toMarkdown),
    '## Conditions', '',
    ...[...resultsByBench.values()].flatMap((results) => [`**${results.title}** ([${results.bench}.md](${results.bench}.md))`, '', ...conditionsOf(results), '']),
  ].join('\n')
}

const YES = 'yes'
const NO = '**no**'
const UNKNOWN = 'not measured'

function judged(figure: Figure, results: Results | undefined): { measured: string; ratio: string; answer: string; command: string } {
  const command = `\`${results?.command ?? `npm run ${figure.bench.startsWith('redis-') ? 'bench:redis' : 'bench'} -- ${figure.bench}`}\``
  const reading = results && figure.read(results)
  if (reading === undefined) return { measured: '', ratio: '', answer: UNKNOWN, command }
  const answer = reading.isReached === true ? YES : reading.isReached === false ? NO : reading.isReached
  return { measured: reading.measured, ratio: reading.ratio, answer, command }
}
