// The rows: what the files of rows/ export, one row or several.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const directory = join(import.meta.dirname, 'rows')

/** The rows that the words name: whole, or by how their names begin; without any word, all. */
export async function selectRows(words) {
  const files = readdirSync(directory).filter((name) => name.endsWith('.mjs'))
  const modules = await Promise.all(files.sort().map((name) => import(join(directory, name))))
  const rows = modules.flatMap((module) => module.default)
  const wanted = new Set(words.flatMap((word) => named(rows, word)))
  return words.length === 0 ? rows : rows.filter((row) => wanted.has(row))
}

function named(rows, word) {
  const exact = rows.filter(({ name }) => name === word)
  const found = exact.length > 0 ? exact : rows.filter(({ name }) => name.startsWith(word))
  if (found.length === 0) throw new Error(`there is no row ${word}`)
  return found
}
