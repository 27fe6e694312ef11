// Sizes that eslint does not see: C++ files and functions, and shell. `sizes.mjs [directory]` checks another tree.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { root } from '../run.mjs'

const limits = { file: 400, function: 50 }
const base = resolve(process.argv[2] ?? root)
const problems = []

function files(directory, pattern) {
  if (!existsSync(join(base, directory))) return []
  const names = readdirSync(join(base, directory), { recursive: true })
  return names.filter((name) => pattern.test(name)).map((name) => join(base, directory, name))
}

/** A definition's first line in clang-format's layout: a parameter list, then a brace at the end of the line. */
function opens(line) {
  const control = /^\s*(\}\s*)?(if|else|for|while|switch|do|catch|namespace|struct|class|enum|union|extern)\b/
  return /\).*\{$/.test(line) && !control.test(line)
}

function functions(path, lines) {
  lines.forEach((line, start) => {
    if (!opens(line)) return
    const indent = /^\s*/.exec(line)[0]
    const length = lines.slice(start + 1).findIndex((later) => later.startsWith(`${indent}}`))
    const body = lines.slice(start + 1, start + 1 + length)
    const counted = body.filter((text) => text.trim() !== '' && !text.trim().startsWith('//')).length
    if (counted > limits.function) problems.push(`${path}:${start + 1}: a function of ${counted} lines`)
  })
}

const native = files('native', /\.(cc|h|inc)$/)
const scripts = files('scripts', /\.(sh|c)$/)
for (const file of [...native, ...scripts]) {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  const path = relative(base, file)
  if (lines.length > limits.file) problems.push(`${path}: ${lines.length} lines`)
  if (native.includes(file)) functions(path, lines)
}
for (const problem of problems) console.error(problem)
console.log(`sizes: ${native.length + scripts.length} files, ${problems.length} problems`)
process.exit(problems.length === 0 ? 0 : 1)
