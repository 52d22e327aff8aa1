/** Tables of figures, as Markdown. */
import { type Place, ratioOf, spreadAt } from './statistics'
import type { Results } from './outcome'

export interface Table {
  title: string
  head: string[]
  rows: string[][]
  note?: string
}

export interface Column {
  metric: string
  label: string
  format?: (value: number) => string
  /** Adds a column with the ratio to this subject. */
  against?: string
}

/** A number in as many digits as it carries meaning. */
export function digits(value: number): string {
  const size = Math.abs(value)
  if (size >= 1000) return Math.round(value).toLocaleString('en-US')
  if (size >= 100 || value === 0) return value.toFixed(0)
  return size >= 10 ? value.toFixed(1) : value.toFixed(2)
}

export const percent = (share: number): string => `${(share * 100).toFixed(2)} %`
export const times = (ratio: number): string => `${digits(ratio)}x`

/** One trial: a row per subject, per metric its median and range over the rounds. */
export function trialTable(results: Results, trial: string, title: string, columns: readonly Column[], note?: string): Table {
  const subjects = results.rows.filter((row) => row.trial === trial).map((row) => row.subject)
  const used = columns.filter(({ metric }) => subjects.some((subject) => spreadAt(results, [trial, subject, metric])))
  const rows = subjects.map((subject) => [subject, ...used.flatMap((column) => cells(results, [trial, subject, column.metric], column))])
  for (const left of results.notMeasured.filter((job) => job.trial === trial)) {
    rows.push([left.subject, `not measured: ${left.reason}`, ...Array<string>(widthOf(used) - 1).fill('')])
  }
  const head = ['', ...used.flatMap(({ label, against }) => (against === undefined ? [label] : [label, `÷ ${against}`]))]
  return { title, head, rows, ...(note === undefined ? {} : { note }) }
}

const widthOf = (columns: readonly Column[]): number =>
  Math.max(1, columns.reduce((sum, { against }) => sum + (against === undefined ? 1 : 2), 0))

function cells(results: Results, place: Place, { format = digits, against }: Column): string[] {
  const spread = spreadAt(results, place)
  const isOne = spread !== undefined && spread.min === spread.max
  const value = spread === undefined ? '-' : isOne ? format(spread.median) : `${format(spread.median)} (${format(spread.min)}–${format(spread.max)})`
  if (against === undefined) return [value]
  const ratio = ratioOf(results, place, [place[0], against, place[2]])
  return [value, ratio === undefined ? '-' : times(ratio.median)]
}

export function toMarkdown({ title, head, rows, note }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const rule = `|${head.map((_, i) => (i === 0 ? '---|' : '---:|')).join('')}`
  return [`### ${title}`, '', ...(note === undefined ? [] : [note, '']), line(head), rule, ...rows.map(line), ''].join('\n')
}
