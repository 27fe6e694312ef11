import { cut, widthOf } from '../../width.ts'

/** Text in XML: what has a meaning there, and control characters, which XML does not allow at all. */
export function escapeXml(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, '\ufffd')
  return clean.replace(/[&<>"']/g, (character) => `&#${String(character.charCodeAt(0))};`)
}

/** A number without the noise of binary fractions. */
export function number(value: number): string {
  return String(Math.round(value * 10) / 10)
}

export interface TextOptions {
  readonly size?: number
  readonly color?: string
  readonly bold?: boolean
}

export function textAt(
  x: number,
  y: number,
  text: string,
  { size = 12, color = '#1c2430', bold = false }: TextOptions = {},
): string {
  const weight = bold ? ' font-weight="600"' : ''
  return `<text x="${number(x)}" y="${number(y)}" font-size="${String(size)}" fill="${color}"${weight}>${escapeXml(text)}</text>`
}

/** Average width of a sans-serif character, as a share of its size: no font is at hand to ask. What is wide has two. */
const CHARACTER = 0.62

/** As much of a text as has room, with an ellipsis. */
export function fit(text: string, width: number, size = 12): string {
  const most = Math.floor(width / (size * CHARACTER))
  if (widthOf(text) <= most) return text
  return most < 2 ? '' : `${cut(text, most - 1)}…`
}

/** A whole picture on white, so that it can be read wherever it is shown. */
export function document(width: number, height: number, title: string, body: readonly string[]): string {
  const [w, h] = [number(width), number(height)]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" font-family="system-ui, 'DejaVu Sans', sans-serif">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${w}" height="${h}" fill="#ffffff"/>`,
    ...body,
    '</svg>',
  ].join('\n')
}
