'use strict'
// What all live pages have: words for figures, and the stream of snapshots from /events, the last two minutes first.
const SPAN = 120
const history = []
const $ = (id) => document.getElementById(id)
const text = (id, value) => { $(id).textContent = value }

const number = (value) => Math.round(value).toLocaleString('en')
const percent = (share) => `${(100 * share).toFixed(share > 0.995 && share < 1 ? 2 : 1)} %`
const time = (ms) => (ms === 0 ? '–' : ms < 1 ? `${ms.toFixed(2)} ms` : ms < 100 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`)
const size = (bytes) => {
  const units = ['B', 'KiB', 'MiB', 'GiB']
  const step = Math.min(3, Math.floor(Math.log2(Math.max(bytes, 1)) / 10))
  const value = bytes / 1024 ** step
  return `${value.toFixed(step > 0 && value < 100 ? 1 : 0)} ${units[step]}`
}

function duration(seconds) {
  if (seconds < 120) return `${seconds} s`
  return seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`
}

function live(isLive) {
  $('state').dataset.live = isLive
  text('state', isLive ? 'live' : 'not connected, trying again')
}

function follow(show) {
  const events = new EventSource('/events')
  let waiting
  events.onopen = () => { history.length = 0; live(true) }
  events.onerror = () => live(false)
  events.onmessage = ({ data }) => {
    history.push(JSON.parse(data))
    if (history.length > SPAN) history.shift()
    // The past arrives in one burst and is drawn once.
    waiting ??= requestAnimationFrame(() => { waiting = undefined; show(history.at(-1)) })
  }
}

// Lines of one scale over the last two minutes: `series` gives names of classes and their values, oldest first.
function drawLines(svg, series, [width, height] = [600, 160]) {
  const highest = Math.max(10, ...series.flatMap(([, values]) => values))
  const length = Math.max(...series.map(([, values]) => values.length))
  const paths = series.map(([name, values]) => {
    const points = values.map((value, index) =>
      `${(width - ((length - 1 - index) * width) / (SPAN - 1)).toFixed(1)} ${(height - 2 - (value / highest) * (height - 10)).toFixed(1)}`)
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path')
    path.setAttribute('class', `line-${name}`)
    path.setAttribute('d', points.length > 1 ? `M${points.join('L')}` : '')
    return path
  })
  svg.replaceChildren(...paths)
  return highest
}
