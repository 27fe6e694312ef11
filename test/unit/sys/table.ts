import type { FlatMountinfo } from '#lib/sys/native.js'

/** One mount as a line of mountinfo is made of it. */
export interface Line {
  id: number
  parent: number
  major?: number
  minor?: number
  root?: string
  mountPoint: string
  options?: string
  optional?: string[]
  type?: string
  source?: string
  superOptions?: string
}

/** The kernel's escapes (seq_path, mangle): space, tab, newline and backslash, and `#` in a source. */
export function kernelEscape(bytes: string, extra = ''): string {
  return Array.from(bytes, (character) =>
    ` \t\n\\${extra}`.includes(character)
      ? `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`
      : character,
  ).join('')
}

/** A line as the kernel would write it; the names hold one character a byte. */
export function lineOf(line: Line): string {
  const fields = [
    line.id,
    line.parent,
    `${line.major ?? 0}:${line.minor ?? 1}`,
    kernelEscape(line.root ?? '/'),
    kernelEscape(line.mountPoint),
    line.options ?? 'rw',
    ...(line.optional ?? []),
    '-',
    kernelEscape(line.type ?? 'tmpfs'),
    kernelEscape(line.source ?? 'none', '#'),
    line.superOptions ?? 'rw',
  ]
  return `${fields.join(' ')}\n`
}

/** The table that the addon would make of these lines, made by other means. */
export function tableOf(lines: readonly Line[]): FlatMountinfo {
  const rows: number[] = []
  let text = ''
  const slice = (part: string): [number, number] => {
    const start = text.length
    text += part
    return [start, text.length]
  }
  for (const line of lines) {
    rows.push(line.id, line.parent, line.major ?? 0, line.minor ?? 1)
    rows.push(...slice(kernelEscape(line.root ?? '/')), ...slice(kernelEscape(line.mountPoint)))
    rows.push(...slice(line.options ?? 'rw'), ...slice((line.optional ?? []).join(' ')))
    rows.push(
      ...slice(kernelEscape(line.type ?? 'tmpfs')),
      ...slice(kernelEscape(line.source ?? 'none', '#')),
    )
    rows.push(...slice(line.superOptions ?? 'rw'))
  }
  return { rows: Int32Array.from(rows), text }
}
