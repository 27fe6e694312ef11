import assert from 'node:assert/strict'

import { entries } from '#lib/archive/entries.js'
import type { EntriesOptions } from '#lib/archive/entries.js'
import { fromEntries } from '#lib/archive/from-entries.js'
import type { TarEntryInput } from '#lib/archive/from-entries.js'
import type { Listed } from './vectors/index.ts'

/** The bytes in pieces of `size`, each in memory of its own. */
export async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) {
    yield Buffer.from(bytes.subarray(at, at + size))
  }
}

export async function* pieces(...parts: Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  yield* parts
}

export async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

export async function readAll(tar: AsyncIterable<Uint8Array>, options?: EntriesOptions): Promise<Listed[]> {
  const list: Listed[] = []
  for await (const { body, ...head } of entries(tar, options))
    list.push({ ...head, body: await gather(body) })
  return list
}

export async function write(list: Iterable<TarEntryInput> | AsyncIterable<TarEntryInput>): Promise<Buffer> {
  return gather(fromEntries(list))
}

/** The code of the error that a promise is rejected with. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    assert(error instanceof Error)
    return (error as { code?: unknown }).code
  }
  return assert.fail('it was not refused')
}

/** Bytes that gzip makes nothing of. */
export function noise(size: number): Buffer {
  const bytes = Buffer.alloc(size)
  let state = 1
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}
