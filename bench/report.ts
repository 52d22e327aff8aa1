/** Writes what a benchmark found: JSON with every sample, a Markdown page, charts. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toSvg } from './chart'
import type { Results } from './outcome'
import type { SubBench } from './sub-bench'
import { toMarkdown } from './table'

/** Returns the paths written. */
export function writeReport(bench: SubBench, results: Results, folder: string): string[] {
  mkdirSync(folder, { recursive: true })
  const charts = bench.charts(results).filter(({ groups }) => groups.some(({ bars }) => bars.length > 0))
  const files: [name: string, content: string][] = [
    [`${bench.name}.json`, `${JSON.stringify(results, null, 1).replace(/\[\s+([^[\]{}]*?)\s+\]/g, (_, list: string) => `[${list.replace(/\s+/g, ' ')}]`)}\n`],
    [`${bench.name}.md`, page(bench, results, charts.map(({ name, title }) => `![${title}](${name}.svg)`))],
    ...charts.map((chart): [string, string] => [`${chart.name}.svg`, toSvg(chart)]),
  ]
  for (const [name, content] of files) writeFileSync(join(folder, name), content)
  return files.map(([name]) => join(folder, name))
}

export function conditionsOf(results: Results): string[] {
  const { machine, loadAverage, rounds, isQuick, date, command, seconds } = results
  const facts = Object.entries(machine).map(([name, value]) => `${name} ${value}`)
  return [
    `Command: \`${command}\``,
    '',
    `${date}; ${rounds} ${rounds === 1 ? 'round' : 'rounds'} in ${seconds} s; load average ${loadAverage.join(' before, ')} after.`,
    `Machine: ${facts.join('; ')}.`,
    ...(isQuick ? ['', '**A quick run: it shows that the benchmark works, not how fast anything is.**'] : []),
  ]
}

function page(bench: SubBench, results: Results, images: readonly string[]): string {
  return [
    `# ${bench.title}`, '', bench.about, '', ...conditionsOf(results), '',
    'Medians over the rounds, least and greatest round in brackets. Ratios are medians of the ratios of each round.', '',
    ...images.flatMap((image) => [image, '']),
    ...bench.tables(results).map(toMarkdown),
  ].join('\n')
}
