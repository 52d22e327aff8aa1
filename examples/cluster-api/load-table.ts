// The comparison as a table: one column per run, and what stratacache's figure is of the others'.

export interface Result {
  name: string
  requests: number
  requestsPerSecond: number
  p50: number
  p99: number
  loads: number
  ownBytes: number
  sharedBytes: number
}

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`
const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} ms`
const whole = (value: number): string => Math.round(value).toLocaleString('en')

const ROWS: [label: string, figure: (result: Result) => number, format: (value: number) => string][] = [
  ['requests per second', (result) => result.requestsPerSecond, whole],
  ['latency p50', (result) => result.p50, ms],
  ['latency p99', (result) => result.p99, ms],
  ['requests', (result) => result.requests, whole],
  ['loader runs', (result) => result.loads, whole],
  ['loader runs per 1,000 requests', (result) => (1000 * result.loads) / result.requests, (value) => value.toFixed(1)],
  ['memory of all processes', (result) => result.ownBytes + result.sharedBytes, mib],
  ['  of that shared', (result) => result.sharedBytes, mib],
]

/** The last result is the one that the others are compared with. */
export function table(results: Result[]): string {
  const subject = results.at(-1)!
  const others = results.slice(0, -1)
  const head = ['', ...results.map((result) => result.name), ...others.map((other) => `vs ${other.name}`)]
  const body = ROWS.map(([label, figure, format]) => [
    label,
    ...results.map((result) => format(figure(result))),
    ...others.map((other) => ratio(figure(subject), figure(other))),
  ])
  const widths = head.map((_, column) => Math.max(...[head, ...body].map((row) => row[column]!.length)))
  const line = (cells: string[]): string =>
    cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('   ')
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n')
}

function ratio(subject: number, other: number): string {
  if (!other) return ''
  const value = subject / other
  return `${value >= 10 ? value.toFixed(0) : value.toFixed(2)}×`
}
