/** Bar charts as SVG that read on a light and on a dark page. */

export interface Bar {
  label: string
  value: number
  /** The least and the greatest round. */
  range?: readonly [min: number, max: number]
  /** One of ours, drawn in the accent colour. */
  isOurs: boolean
}

export interface Group {
  label: string
  bars: Bar[]
}

export interface Chart {
  /** Name of the file, without its end. */
  name: string
  title: string
  /** What the axis counts, and which direction is good. */
  axis: string
  groups: Group[]
  /** Logarithmic axis, for values that lie orders of magnitude apart. */
  isLogarithmic?: boolean
  format: (value: number) => string
}

const WIDTH = 860
const LEFT = 230
const RIGHT = 120
const ROW = 22
const HEAD = 64
const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 16px; font-weight: 600 } .group { font-weight: 600 } .quiet { fill: #57606a }
  .bar { fill: #8c959f } .ours { fill: #0969da } .grid { stroke: #d0d7de } .range { stroke: #24292f; stroke-width: 1.5 }
  .page { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .quiet { fill: #9198a1 } .bar { fill: #6e7681 } .ours { fill: #4493f8 }
    .grid { stroke: #30363d } .range { stroke: #e6edf3 } .page { fill: #0d1117 }
  }`

export function toSvg({ title, axis, groups, isLogarithmic = false, format }: Chart): string {
  const scale = scaleOf(groups, isLogarithmic)
  const parts: string[] = []
  let y = HEAD
  for (const { label, bars } of groups) {
    if (label !== '') {
      parts.push(text(12, y + 14, label, 'group'))
      y += ROW
    }
    for (const bar of bars) {
      parts.push(drawn(bar, y, scale, format))
      y += ROW
    }
    y += ROW / 2
  }
  const height = y + 12
  const grid = scale.ticks.map((tick) => {
    const x = scale.at(tick).toFixed(1)
    return `<line class="grid" x1="${x}" x2="${x}" y1="${HEAD - 6}" y2="${y - 6}"/>${text(scale.at(tick), y + 6, format(tick), 'quiet', 'middle')}`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(title)}">`,
    `<style>${STYLE}\n</style>`,
    `<rect class="page" width="${WIDTH}" height="${height}"/>`,
    text(12, 26, title, 'title'), text(12, 46, axis, 'quiet'),
    ...grid, ...parts, '</svg>', '',
  ].join('\n')
}

interface Scale {
  at(value: number): number
  zero: number
  ticks: number[]
}

function scaleOf(groups: readonly Group[], isLogarithmic: boolean): Scale {
  const values = groups.flatMap(({ bars }) => bars.flatMap(({ value, range }) => [value, ...(range ?? [])]))
  const room = WIDTH - LEFT - RIGHT
  if (isLogarithmic) {
    const low = Math.floor(Math.log10(Math.min(...values.filter((value) => value > 0))))
    const high = Math.ceil(Math.log10(Math.max(...values)))
    const at = (value: number): number => LEFT + (room * (Math.log10(Math.max(value, 10 ** low)) - low)) / (high - low)
    return { at, zero: LEFT, ticks: Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)) }
  }
  const low = Math.min(0, ...values)
  const high = Math.max(0, ...values)
  const step = niceStep((high - low) / 5)
  const first = Math.ceil(low / step)
  const ticks = Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step)
  const at = (value: number): number => LEFT + (room * (value - low)) / (high - low || 1)
  return { at, zero: at(0), ticks }
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough || 1))
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10)
}

function drawn({ label, value, range, isOurs }: Bar, y: number, scale: Scale, format: (value: number) => string): string {
  const from = Math.min(scale.zero, scale.at(value))
  const width = Math.max(1, Math.abs(scale.at(value) - scale.zero))
  const middle = y + 9
  const end = Math.max(scale.at(value), scale.zero, ...(range === undefined ? [] : [scale.at(range[1])]))
  const line = range === undefined ? '' :
    `<line class="range" x1="${scale.at(range[0]).toFixed(1)}" x2="${scale.at(range[1]).toFixed(1)}" y1="${middle}" y2="${middle}"/>`
  return [
    text(LEFT - 8, y + 13, label, '', 'end'),
    `<rect class="${isOurs ? 'ours' : 'bar'}" x="${from.toFixed(1)}" y="${y + 2}" width="${width.toFixed(1)}" height="14" rx="2"/>`,
    line,
    text(end + 6, y + 13, format(value), 'quiet'),
  ].join('')
}

function text(x: number, y: number, content: string, kind = '', anchor = 'start'): string {
  return `<text x="${x.toFixed(1)}" y="${y}"${kind === '' ? '' : ` class="${kind}"`} text-anchor="${anchor}">${escaped(content)}</text>`
}

const escaped = (content: string): string =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
