// A package's README as a page.
import { escapeHtml, page } from './html'
import { readmeOf } from './packages'

// marked is an ES module; this example is compiled to CommonJS.
const markdown = import('marked')

export async function renderReadme(name: string): Promise<string> {
  const text = await readmeOf(name)
  const { marked } = await markdown
  const html = text ? await marked.parse(text, { gfm: true }) : `<h1>${escapeHtml(name)}</h1><p>This package has no README.</p>`
  // Badges and logos lie on other hosts, and the page may not reach them.
  const body = html.replace(/<img\b[^>]*>/gi, '')
  const links = `<p><a href="/graph/${escapeHtml(name)}">Dependencies</a> · <a href="/api/packages/${escapeHtml(name)}">Metadata</a></p>`
  return page(name, `${links}\n${body}`)
}
