// Full-text search without an index: every README is read and scored for every query. That is the
// point of caching it.
import { packageNames, readmeOf, summaryOf } from './packages'

export interface SearchResult {
  query: string
  matches: { name: string; score: number; excerpt: string }[]
}

const MAX_MATCHES = 20

export async function search(query: string): Promise<SearchResult> {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean).slice(0, 8)
  const matches = []
  for (const name of packageNames()) {
    const text = await readmeOf(name)
    const score = scoreOf(words, name, summaryOf(name), text)
    if (score > 0) matches.push({ name, score, excerpt: excerptOf(words, text) || summaryOf(name) })
  }
  matches.sort((a, b) => b.score - a.score || (a.name < b.name ? -1 : 1))
  return { query, matches: matches.slice(0, MAX_MATCHES) }
}

// Every word must occur. A word in the name counts most, then in the summary, then in the text.
function scoreOf(words: string[], name: string, summary: string, text: string): number {
  const places: [string, number][] = [[name, 100], [summary.toLowerCase(), 20], [text.toLowerCase(), 1]]
  let score = 0
  for (const word of words) {
    const gained = places.reduce((sum, [place, weight]) => sum + weight * Math.min(occurrences(place, word), 50), 0)
    if (gained === 0) return 0
    score += gained
  }
  return score
}

function occurrences(text: string, word: string): number {
  let count = 0
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) count += 1
  return count
}

function excerptOf(words: string[], text: string): string {
  const at = text.toLowerCase().indexOf(words[0] ?? '')
  return at < 0 ? '' : text.slice(Math.max(0, at - 60), at + 100).replace(/\s+/g, ' ').trim()
}

/** Words that occur in many READMEs, most frequent first: what a load test searches for. */
export async function commonWords(limit: number): Promise<string[]> {
  const packagesWith = new Map<string, number>()
  for (const name of packageNames()) {
    const words = new Set((await readmeOf(name)).toLowerCase().match(/[a-z]{4,14}/g) ?? [])
    for (const word of words) packagesWith.set(word, (packagesWith.get(word) ?? 0) + 1)
  }
  return [...packagesWith]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, limit)
    .map(([word]) => word)
}
