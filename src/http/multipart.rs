//! `multipart/form-data`: fields in order, texts in memory, files on disk, all under limits.

use std::path::Path;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyDataStream;

use super::body::FileWriter;
use super::wire::InBody;
use super::{Body, BodyError, Headers, Status, TempFile};

/// Limits of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormLimits {
    /// Number of parts.
    pub parts: usize,
    /// Of one text, in bytes.
    pub text_bytes: u64,
    /// Of one file, in bytes.
    pub file_bytes: u64,
}

/// Why a form could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    /// The content type is another, or names no boundary.
    #[error("the body is no multipart form")]
    NotAForm,
    /// The parts do not follow the format.
    #[error("the multipart form is malformed: {0}")]
    Malformed(String),
    /// There are too many parts.
    #[error("the form has more than {0} parts")]
    TooMany(usize),
    /// A part was too large, the connection broke, or the disk failed.
    #[error(transparent)]
    Body(#[from] BodyError),
}

impl FormError {
    /// The status of the refusal.
    pub fn status(&self) -> Status {
        match self {
            FormError::NotAForm | FormError::Malformed(_) => Status::BAD_REQUEST,
            FormError::TooMany(_) => Status::CONTENT_TOO_LARGE,
            FormError::Body(error) => error.status(),
        }
    }
}

/// One part of a form.
#[derive(Debug)]
pub struct Part {
    /// The name of the field; empty if it has none.
    pub name: String,
    /// The media type the part claims.
    pub content_type: Option<String>,
    /// The content.
    pub content: PartContent,
}

/// The content of a part.
#[derive(Debug)]
pub enum PartContent {
    /// A part with a file name.
    File {
        /// The name as the client gave it: never to be trusted as a path.
        file_name: String,
        /// Where the content was written to.
        file: TempFile,
    },
    /// Any other part.
    Text(Bytes),
}

impl Part {
    /// The text of the part, if it is one and UTF-8.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            PartContent::Text(bytes) => std::str::from_utf8(bytes).ok(),
            PartContent::File { .. } => None,
        }
    }
}

/// Reads a whole form in order; files are streamed to new files in `folder`.
pub async fn read(
    headers: &Headers,
    body: Body,
    folder: &Path,
    limits: FormLimits,
) -> Result<Vec<Part>, FormError> {
    let content_type = headers.get("content-type").unwrap_or_default();
    let boundary = multer::parse_boundary(content_type).map_err(|_| FormError::NotAForm)?;
    // Multer collects whole fields on its own; only `chunk` is used, so these limits are ours.
    let mut form = multer::Multipart::new(BodyDataStream::new(InBody(body)), boundary);
    let mut parts = Vec::new();
    while let Some(field) = form.next_field().await.map_err(wrong)? {
        if parts.len() >= limits.parts {
            return Err(FormError::TooMany(limits.parts));
        }
        parts.push(read_part(field, folder, limits).await?);
    }
    Ok(parts)
}

async fn read_part(
    mut field: multer::Field<'_>,
    folder: &Path,
    limits: FormLimits,
) -> Result<Part, FormError> {
    let name = field.name().unwrap_or_default().to_owned();
    let content_type = field.content_type().map(ToString::to_string);
    let content = if let Some(file_name) = field.file_name().map(str::to_owned) {
        let mut writer = FileWriter::create(folder, limits.file_bytes).await?;
        while let Some(piece) = field.chunk().await.map_err(wrong)? {
            writer.write(piece).await?;
        }
        PartContent::File { file_name, file: writer.finish().await? }
    } else {
        let mut text = BytesMut::new();
        while let Some(piece) = field.chunk().await.map_err(wrong)? {
            if (text.len() + piece.len()) as u64 > limits.text_bytes {
                return Err(BodyError::TooLarge { limit: limits.text_bytes }.into());
            }
            text.extend_from_slice(&piece);
        }
        PartContent::Text(text.freeze())
    };
    Ok(Part { name, content_type, content })
}

fn wrong(error: multer::Error) -> FormError {
    match error {
        multer::Error::StreamReadFailed(cause) => match cause.downcast::<BodyError>() {
            Ok(error) => FormError::Body(*error),
            Err(cause) => FormError::Malformed(cause.to_string()),
        },
        other => FormError::Malformed(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: FormLimits = FormLimits { parts: 3, text_bytes: 20, file_bytes: 30 };

    const FORM: &str = "--x\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n{\"a\":1}\r\n\
        --x\r\nContent-Disposition: form-data; name=\"0\"; filename=\"../heron.jpg\"\r\n\
        Content-Type: image/jpeg\r\n\r\nfeathers\r\n--x--\r\n";

    async fn form(text: &str, limits: FormLimits) -> Result<Vec<Part>, FormError> {
        let mut headers = Headers::new();
        headers.set("Content-Type", "multipart/form-data; boundary=x");
        let body = Body::from_bytes(text.to_owned());
        read(&headers, body, &std::env::temp_dir(), limits).await
    }

    #[tokio::test]
    async fn texts_and_files_come_in_order() {
        let parts = form(FORM, LIMITS).await.unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].name.as_str(), parts[0].text()), ("operations", Some("{\"a\":1}")));
        let PartContent::File { file_name, file } = &parts[1].content else {
            panic!("the second part is a file");
        };
        assert_eq!(file_name, "../heron.jpg");
        assert_eq!(std::fs::read(file.path()).unwrap(), b"feathers");
        assert_eq!(parts[1].content_type.as_deref(), Some("image/jpeg"));
    }

    #[tokio::test]
    async fn every_limit_holds() {
        for limits in [
            FormLimits { parts: 1, ..LIMITS },
            FormLimits { text_bytes: 6, ..LIMITS },
            FormLimits { file_bytes: 7, ..LIMITS },
        ] {
            let error = form(FORM, limits).await.unwrap_err();
            assert_eq!(error.status(), Status::CONTENT_TOO_LARGE, "{limits:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_form_is_refused() {
        assert!(form("heron", LIMITS).await.is_err());
        assert!(form(&FORM[..60], LIMITS).await.is_err());
        let folder = std::env::temp_dir();
        let error = read(&Headers::new(), Body::empty(), &folder, LIMITS).await.unwrap_err();
        assert!(matches!(error, FormError::NotAForm));
    }
}
