import { createInterface } from 'node:readline'
import { PassThrough } from 'node:stream'

/**
 * Node.js knows what is wide in East Asia, what takes no room, and that SGR sequences take none, as it places the cursor behind a prompt.
 * This is the only one of its functions that tells.
 */
const line = createInterface({ input: new PassThrough() })

/** Columns of a terminal that a text takes. */
export function widthOf(text: string): number {
  line.setPrompt(text)
  return line.getCursorPos().cols
}

/** As much of a text, from its start, as has room in some columns. */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text
  let [kept, width] = ['', 0]
  for (const character of text) {
    width += widthOf(character)
    if (width > columns) break
    kept += character
  }
  return kept
}
