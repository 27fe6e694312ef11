import { isUtf8 } from 'node:buffer'

import type { ArchiveErrorCode } from '../sys/failure.ts'

/** Ends the reading of an archive: knows where in it, and throws a GraphDriverError. */
export type Refuse = (code: ArchiveErrorCode, what: string) => never

/** What a message shows of a long name. */
const mostShown = 120

/** A name for people: in double quotes, with escapes for what a terminal should not be sent. */
export function quote(name: Uint8Array): string {
  const bytes = Buffer.from(name.buffer, name.byteOffset, name.byteLength)
  const shown = bytes.length > mostShown ? bytes.subarray(0, mostShown) : bytes
  const text = isUtf8(shown)
    ? JSON.stringify(shown.toString())
    : `"${shown.toString('latin1').replace(/[^ !#-[\]-~]/g, escaped)}"`
  return shown === bytes ? text : `${text}…`
}

function escaped(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
}
