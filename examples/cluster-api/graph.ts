// The dependency graph below one package, and its drawing.
import { dependenciesOf } from './packages'
import { escapeHtml, page } from './html'

export interface Graph {
  root: string
  /** Package names by their shortest distance from the root. */
  levels: string[][]
  edges: { from: string; to: string }[]
}

export function graphOf(root: string): Graph {
  const seen = new Set([root])
  const levels: string[][] = []
  const edges = []
  for (let level = [root]; level.length > 0;) {
    levels.push(level)
    const next: string[] = []
    for (const from of level) {
      for (const to of dependenciesOf(from)) {
        edges.push({ from, to })
        if (!seen.has(to)) next.push(to)
        seen.add(to)
      }
    }
    level = next.sort()
  }
  return { root, levels, edges }
}

const COLUMN = 220
const ROW = 34
const BOX = { width: 170, height: 24 }

/** One page with the graph as SVG: a column per level. */
export function renderGraph({ root, levels, edges }: Graph): string {
  const rows = Math.max(...levels.map((level) => level.length))
  const position = new Map<string, { x: number; y: number }>()
  levels.forEach((level, column) => level.forEach((name, row) => {
    position.set(name, { x: 10 + column * COLUMN, y: 10 + (row + (rows - level.length) / 2) * ROW })
  }))
  const lines = edges.map(({ from, to }) => {
    const a = position.get(from)!
    const b = position.get(to)!
    const [x1, y1] = [a.x + BOX.width, a.y + BOX.height / 2]
    const [x2, y2] = [b.x, b.y + BOX.height / 2]
    return `<path class="edge" d="M${x1} ${y1}C${x1 + 30} ${y1} ${x2 - 30} ${y2} ${x2} ${y2}"/>`
  })
  const boxes = [...position].map(([name, { x, y }]) => `<a href="/graph/${escapeHtml(name)}">` +
    `<rect class="box" x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="5"/>` +
    `<text x="${x + 9}" y="${y + 16}">${escapeHtml(name.length > 23 ? `${name.slice(0, 20)}…` : name)}</text></a>`)
  const width = 20 + (levels.length - 1) * COLUMN + BOX.width
  const height = 20 + rows * ROW
  const summary = `${position.size - 1} packages below ${root}, ${edges.length} dependencies, ${levels.length - 1} levels deep`
  return page(`What ${root} depends on`, `<h1>What ${escapeHtml(root)} depends on</h1>
<p>${escapeHtml(summary)}. <a href="/readme/${escapeHtml(root)}">README</a></p>
<div class="wide"><svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(summary)}">
${lines.join('\n')}\n${boxes.join('\n')}</svg></div>`)
}
