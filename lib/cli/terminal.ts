/** Where text goes. */
export interface Terminal {
  /** Infinity where it is no terminal: lines are broken for people only. */
  readonly columns: number
  readonly color: boolean
}

/** What deciding on a terminal needs of a stream of Node. */
export interface Output {
  readonly isTTY?: boolean
  readonly columns?: number
}

const LEAST_COLUMNS = 20
const USUAL_COLUMNS = 80

/** A terminal that nobody told its size says 0, as of a serial line or of script(1) in a pipe. */
export function columnsOf({ columns = 0 }: Output): number {
  return columns === 0 ? USUAL_COLUMNS : columns
}

/**
 * How a stream takes text. Colours by the usual rules: NO_COLOR forbids them (no-color.org), FORCE_COLOR asks for them, else they are for
 * terminals that know them.
 */
export function terminalOf(stream: Output, env: Readonly<Record<string, string | undefined>>): Terminal {
  const columns = stream.isTTY === true ? Math.max(columnsOf(stream), LEAST_COLUMNS) : Infinity
  return { columns, color: wantsColor(stream.isTTY === true, env) }
}

function wantsColor(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = env
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') return FORCE_COLOR !== '0'
  return isTerminal && TERM !== 'dumb'
}

/** SGR codes: ECMA-48, 8.3.117. */
const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34 } as const

export type Color = keyof typeof CODES

/** Text in a colour, where the terminal has any. */
export function paint(terminal: Terminal, color: Color, text: string): string {
  return terminal.color ? `\x1b[${String(CODES[color])}m${text}\x1b[0m` : text
}
