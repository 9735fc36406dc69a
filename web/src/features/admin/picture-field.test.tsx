import { fireEvent, render, screen } from "@testing-library/react";
import { useState } from "react";
import { expect, it } from "vitest";
import { PictureField } from "./picture-field";

const picture = (name: string, type: string, bytes = 10) => new File([new Uint8Array(bytes)], name, { type });

function Asked({ told = null }: { told?: string | null }) {
  const [file, setFile] = useState<File | null>(null);
  return <PictureField picture={file} disabled={false} told={told} onChange={setFile} />;
}

const choose = (file: File) => fireEvent.change(screen.getByLabelText("Picture"), { target: { files: [file] } });

it("shows a chosen picture as it will stand in a line, with its name and size", { timeout: 30_000 }, async () => {
  const { container } = render(<Asked />);
  choose(picture("cat.png", "image/png", 3_000));
  expect(screen.getByText("cat.png")).toBeDefined();
  expect(screen.getByText("3 kB")).toBeDefined();
  await expect.poll(() => container.querySelectorAll('img[src^="data:image/png"]').length, { timeout: 20_000 }).toBe(2);
  expect([...container.querySelectorAll("img")].map((image) => image.width)).toEqual([56, 28]);
});

it("says at the field what is wrong with a file, and shows no picture of it", () => {
  const { container } = render(<Asked />);
  choose(picture("notes.txt", "text/plain"));
  expect(screen.getByRole("alert").textContent).toBe("That is no SVG, PNG, GIF or WebP.");
  expect(screen.getByLabelText("Picture").getAttribute("aria-invalid")).toBe("true");
  choose(picture("big.gif", "image/gif", 300 * 1024));
  expect(screen.getByRole("alert").textContent).toBe("That is 300 kB; 256 kB is the most.");
  expect(container.querySelector("img")).toBeNull();
});

it("says what the server finds wrong with it", () => {
  render(<Asked told="The picture has a script in it." />);
  expect(screen.queryByRole("alert")).toBeNull();
  choose(picture("a.svg", "image/svg+xml"));
  expect(screen.getByRole("alert").textContent).toBe("The picture has a script in it.");
});

it("takes a dropped file, and gives it up again", () => {
  const { container } = render(<Asked />);
  const zone = container.querySelector("[class*=zone]") as HTMLElement;
  fireEvent.dragOver(zone);
  expect(zone.dataset.over).toBe("true");
  fireEvent.drop(zone, { dataTransfer: { files: [picture("dog.webp", "image/webp")] } });
  expect(zone.dataset.over).toBeUndefined();
  expect(screen.getByText("dog.webp")).toBeDefined();
  fireEvent.click(screen.getByRole("button", { name: "Another one" }));
  expect(screen.queryByText("dog.webp")).toBeNull();
  expect(screen.getByText("Choose a file")).toBeDefined();
});
