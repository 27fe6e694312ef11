import type { Terminal } from './terminal.ts'
import { widthOf } from './width.ts'

const GAP = 2
/** Less room than this for the last column is none. */
const LEAST_WRAP = 24

/** Cells in columns. The last column is wrapped where the terminal is too narrow for it; everything else stays whole. */
export function table(rows: readonly (readonly string[])[], terminal: Terminal): string {
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(0, ...rows.map((row) => widthOf(row[column] ?? ''))),
  )
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + GAP, 0)
  const room = terminal.columns - before
  return rows
    .map((row) => {
      const start = row.slice(0, columns - 1).map((cell, column) => pad(cell, (widths[column] ?? 0) + GAP))
      const last = row[columns - 1] ?? ''
      const lines = room >= LEAST_WRAP ? wrap(last, room) : [last]
      return `${start.join('')}${lines.join(`\n${' '.repeat(before)}`)}`.trimEnd()
    })
    .join('\n')
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)))
}

/** Breaks a text at its blanks; a word that is too long stays whole. */
export function wrap(text: string, columns: number): string[] {
  if (widthOf(text) <= columns) return [text]
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && widthOf(line) + 1 + widthOf(word) > columns) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  lines.push(line)
  return lines
}
