// SPDX-License-Identifier: Apache-2.0
/**
 * Packages: reading and writing of small zip archives.
 *
 * @typedef {{name: string, data: Uint8Array}} Entry
 */
const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
/** Bytes of all files that the page unpacks: it edits small code only. */
export const MAX_SIZE = 4 * 1024 * 1024;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  }
  return value;
});

/** Return the CRC-32 of bytes. */
export function crc32(data) {
  let value = 0xffffffff;
  for (const byte of data) {
    value = CRC_TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  }
  return (value ^ 0xffffffff) >>> 0;
}

async function inflate(data, size) {
  const stream = new Blob([data]).stream().pipeThrough(
    new DecompressionStream('deflate-raw'));
  const result = new Uint8Array(size);
  const reader = stream.getReader();
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    // The directory may lie about the size.
    if (length + value.length > size) throw new Error('The zip is damaged.');
    result.set(value, length);
    length += value.length;
  }
  return result.subarray(0, length);
}

/**
 * Return the files of an archive.
 *
 * @param {Uint8Array} bytes
 * @return {Promise<Entry[]>}
 */
export async function unzip(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== END) end -= 1;
  if (end < 0) throw new Error('The package is no zip archive.');
  const entries = [];
  let total = 0;
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left -= 1) {
    if (view.getUint32(at, true) !== CENTRAL) {
      throw new Error('The zip is damaged.');
    }
    const method = view.getUint16(at + 10, true);
    const packed = view.getUint32(at + 20, true);
    const size = view.getUint32(at + 24, true);
    const nameLength = view.getUint16(at + 28, true);
    const local = view.getUint32(at + 42, true);
    const name = new TextDecoder().decode(
      bytes.subarray(at + 46, at + 46 + nameLength));
    total += size;
    if (total > MAX_SIZE) throw new Error('The package is too large to edit.');
    const start = local + 30 + view.getUint16(local + 26, true)
      + view.getUint16(local + 28, true);
    const data = bytes.subarray(start, start + packed);
    if (method !== 0 && method !== 8) {
      throw new Error('The compression of the package is not supported.');
    }
    if (!name.endsWith('/')) {
      entries.push({ name,
        data: method === 0 ? data.slice() : await inflate(data, size) });
    }
    at += 46 + nameLength + view.getUint16(at + 30, true)
      + view.getUint16(at + 32, true);
  }
  return entries;
}

function header(signature, entry, name, crc, offset) {
  const isCentral = signature === CENTRAL;
  const shift = isCentral ? 2 : 0;
  const view = new DataView(new ArrayBuffer(isCentral ? 46 : 30));
  view.setUint32(0, signature, true);
  if (isCentral) {
    view.setUint16(4, 0x0314, true);
    view.setUint32(38, 0o100644 * 0x10000, true);
    view.setUint32(42, offset, true);
  }
  view.setUint16(4 + shift, 20, true);
  view.setUint16(6 + shift, 0x800, true);
  // The earliest date of the format: equal files give equal packages.
  view.setUint16(12 + shift, 0x21, true);
  view.setUint32(14 + shift, crc, true);
  view.setUint32(18 + shift, entry.data.length, true);
  view.setUint32(22 + shift, entry.data.length, true);
  view.setUint16(26 + shift, name.length, true);
  return new Uint8Array(view.buffer);
}

/**
 * Return an archive of files, without compression.
 *
 * @param {Entry[]} entries
 * @return {Uint8Array}
 */
export function zip(entries) {
  const parts = [];
  const central = [];
  let offset = 0;
  for (const entry of entries) {
    const name = new TextEncoder().encode(entry.name);
    const crc = crc32(entry.data);
    central.push(header(CENTRAL, entry, name, crc, offset), name);
    parts.push(header(LOCAL, entry, name, crc, 0), name, entry.data);
    offset += 30 + name.length + entry.data.length;
  }
  const size = central.reduce((sum, part) => sum + part.length, 0);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, END, true);
  end.setUint16(8, entries.length, true);
  end.setUint16(10, entries.length, true);
  end.setUint32(12, size, true);
  end.setUint32(16, offset, true);
  const result = new Uint8Array(offset + size + 22);
  let at = 0;
  for (const part of [...parts, ...central, new Uint8Array(end.buffer)]) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
